//! Waiting until the peers are there.

use super::said::said;
use super::say::say;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use aiomsg::{Endpoint, Error, Event, Events, Identity, Socket};
use clap::Args;
use tokio::time::{Instant, sleep, sleep_until};

use super::advice::advice;
use super::failure::{Failure, Outcome};
use super::identity;
use super::socket::SocketArgs;
use super::stop::Stop;
use super::value::Patience;

/// The peers to wait for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Waiting")]
pub(crate) struct WaitArgs {
    /// Begins when this many peers are connected.
    #[arg(long, value_name = "N", default_value_t = 1)]
    wait_peers: usize,
    /// Ends when no peer connects, or nothing moves, for this time, such as 5s,
    /// or forever [default: 10s until the first peers connect, if the socket
    /// only connects; else forever]
    #[arg(long, value_name = "TIME")]
    timeout: Option<Patience>,
}

/// The event that has not come when a signal ends the wait.
pub(crate) const PEERS: &str = "the peers were there";

/// The time that a socket that only connects waits by default.
const CONNECTS: Duration = Duration::from_secs(10);

impl WaitArgs {
    /// How long nothing may move once the peers are there.
    pub(crate) fn stall(&self) -> Option<Duration> {
        self.timeout.and_then(|Patience(time)| time)
    }

    /// The `--timeout`, if there is one; `Some(None)` is forever.
    pub(crate) fn given(&self) -> Option<Option<Duration>> {
        self.timeout.map(|Patience(time)| time)
    }

    /// How many peers to wait for.
    pub(crate) fn peers(&self) -> usize {
        self.wait_peers
    }

    fn patience(&self, socket: &SocketArgs) -> Option<Duration> {
        match self.timeout {
            Some(Patience(time)) => time,
            None => socket.only_connects().then_some(CONNECTS),
        }
    }

    /// Binds and connects a socket, and waits for its peers, and for this one among
    /// them. What it hands back goes on from there: the events.
    pub(crate) async fn start<S>(
        &self,
        socket: &Socket<S>,
        args: &SocketArgs,
        named: Option<&Identity>,
        stop: &mut Stop,
    ) -> Outcome<Events> {
        let mut events = socket.events();
        stop.unless_asked_before(PEERS, args.start(socket)).await?;
        self.wait(socket, args, &mut events, named, stop).await?;
        Ok(events)
    }

    /// Waits for the peers, and for this one among them. `events` are from
    /// before the socket connected.
    pub(crate) async fn wait<S>(
        &self,
        socket: &Socket<S>,
        args: &SocketArgs,
        events: &mut Events,
        named: Option<&Identity>,
        stop: &mut Stop,
    ) -> Outcome {
        let patience = self.patience(args);
        let mut failures = BTreeMap::new();
        // One that has sent all and gone before anybody looked was there, too.
        let mut seen = HashSet::new();
        let mut deadline = pin!(after(patience));
        while !self.are_there(socket, &seen, named) {
            tokio::select! {
                biased;
                stopped = stop.asked() => {
                    return Err(Failure::stopped(stopped, format!("stopped before {PEERS}")));
                }
                event = events.next() => match event {
                    Some(Event::PeerUp { peer })
                        if seen.len() < self.wait_peers || named == Some(&peer.identity) =>
                    {
                        seen.insert(peer.identity);
                    }
                    event => note(event, patience.is_none(), &mut failures),
                },
                () = &mut deadline => {
                    let missing = self.missing(socket, named, patience);
                    return Err(Failure::nobody(because(missing, &failures)));
                }
            }
        }
        Ok(())
    }

    fn are_there<S>(
        &self,
        socket: &Socket<S>,
        seen: &HashSet<Identity>,
        named: Option<&Identity>,
    ) -> bool {
        let now = socket.peers();
        let mut all: HashSet<_> = now.iter().map(|peer| &peer.identity).collect();
        all.extend(seen);
        all.len() >= self.wait_peers && named.is_none_or(|name| all.contains(name))
    }

    fn missing<S>(
        &self,
        socket: &Socket<S>,
        named: Option<&Identity>,
        patience: Option<Duration>,
    ) -> String {
        let time = humantime::format_duration(patience.unwrap_or_default());
        match (socket.peers().len(), named) {
            (0, _) => format!("nobody was there within {time}"),
            (there, Some(name)) if there >= self.wait_peers => {
                let name = identity::show(name);
                format!("{name} was not among the peers within {time}")
            }
            (there, _) => {
                let wanted = self.wait_peers;
                format!("only {there} of {wanted} peers were there within {time}")
            }
        }
    }
}

/// Ready after a time, if there is one, and never otherwise.
pub(crate) async fn after(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Ready at a time, if there is one, and never otherwise.
pub(crate) async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Ready when something is so that nothing tells of.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        sleep(STEP).await;
    }
}

/// How often that is looked at.
const STEP: Duration = Duration::from_millis(2);

type Failures = BTreeMap<String, Arc<Error>>;

/// The most endpoints whose failures are kept. The addresses of a name may change for ever.
const MOST_FAILURES: usize = 64;

/// Keeps the last failure of each endpoint. A command that waits without an end reports the
/// first.
fn note(event: Option<Event>, tell: bool, failures: &mut Failures) {
    let (endpoint, error, tell) = match event {
        Some(
            Event::DialFailed {
                endpoint, error, ..
            }
            | Event::LookupFailed {
                endpoint, error, ..
            },
        ) => (endpoint, error, tell),
        // The log has it, with the reason, and the listener goes on.
        Some(Event::AcceptFailed {
            endpoint, error, ..
        }) => (endpoint, error, false),
        _ => return,
    };
    let key = Endpoint::to_string(&endpoint);
    if failures.len() >= MOST_FAILURES && !failures.contains_key(&key) {
        return;
    }
    if tell && !failures.contains_key(&key) {
        say(format_args!("note: {}; trying again", said(&*error)));
    }
    failures.insert(key, error);
}

fn because(mut missing: String, failures: &Failures) -> String {
    match failures.values().next() {
        Some(error) => {
            let _ = write!(missing, ": {}", said(&**error));
            if let Some(advice) = advice(error) {
                let _ = write!(missing, "; {advice}");
            }
        }
        None => missing.push_str("; start the other end, or raise --timeout"),
    }
    missing
}

//! `aiomsg peers`: who is there, seen from a socket of one's own.
//!
//! Who is connected to somebody else's socket is known to that socket alone: the
//! protocol has no question for it. So this is a peer like others, which lists
//! those that connect to it, or that it connects to.

mod watch;

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use aiomsg::peer::PeerInfo;
use aiomsg::{AckMode, Event, Identity, Limits, Socket};
use clap::Args;
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use crate::common::closed::Closed;
use crate::common::failure::{Failure, Outcome};
use crate::common::identity;
use crate::common::print;
use crate::common::said::said;
use crate::common::say::say;
use crate::common::socket::SocketArgs;
use crate::common::stop::Stop;
use crate::common::value::duration;
use crate::common::wait::{PEERS, WaitArgs};
use watch::{Heard, Watch};

/// Lists the peers of a socket that binds or connects as given
///
/// Only a socket itself knows its peers, so this command becomes a peer: it listens
/// in place of a service to list those that connect, or connects to list those that
/// listen. aiomsg doctor looks at an endpoint without becoming a peer.
///
/// A round robin socket may send it messages. It takes as few as it can, and
/// acknowledges none, so senders with at-least-once send those again; others are
/// lost, and counted.
///
/// Exit codes: 0 peers connected; 1 failed; 2 the command line or a file is wrong;
/// 3 no peer connected in time; 130 and 143 ended by SIGINT and SIGTERM before
/// that. --watch ends by a signal, with code 0.
#[derive(Debug, Args)]
pub(crate) struct PeersArgs {
    #[command(flatten)]
    socket: SocketArgs,
    #[command(flatten)]
    wait: WaitArgs,
    /// The time to listen after the peers have connected; heartbeats are 5 s apart.
    #[arg(long = "for", value_name = "TIME", default_value = "1s", value_parser = duration)]
    time: Duration,
    /// Reports each peer that comes or goes, and heartbeats, until a signal.
    #[arg(long, short, conflicts_with_all = ["time", "wait_peers", "timeout"])]
    watch: bool,
    /// Writes an object for each peer, or with --watch for each event.
    #[arg(long)]
    json: bool,
}

impl PeersArgs {
    /// Whether a signal has come where that is the end, and no failure.
    fn has_ended<T>(&self, outcome: &Outcome<T>) -> bool {
        self.watch && outcome.as_ref().is_err_and(Failure::is_stop)
    }
}

pub(crate) async fn run(args: PeersArgs, stop: &mut Stop) -> Outcome {
    let watch = Watch::default();
    let mut heard = watch.listen();
    let builder = stop.unless_asked_before(PEERS, args.socket.builder()).await;
    if args.has_ended(&builder) {
        return Ok(());
    }
    let socket = builder?
        // One is taken, and no more: the rest is with its sender, or on the way.
        .receive_limits(Limits { items: 1, bytes: 1 })
        .ack_mode(AckMode::Handled)
        .connection_layer(watch.clone())
        .build()?;
    let mut events = socket.events();
    let mut told = socket.events();
    let started = args.socket.start(&socket);
    let started = stop.unless_asked_before(PEERS, started).await;
    if args.has_ended(&started) {
        return Ok(());
    }
    started?;
    if !args.watch {
        args.wait
            .wait(&socket, &args.socket, &mut events, None, stop)
            .await?;
    }
    drop(events);

    let view = View { args: &args };
    let end = Instant::now() + args.time;
    let mut closed = Closed::of_stdout();
    loop {
        tokio::select! {
            biased;
            _ = stop.asked() => break,
            () = closed.wait() => break,
            () = sleep_until(end), if !args.watch => break,
            event = told.next() => match event {
                Some(event) => view.note(event)?,
                None => break,
            },
            Some(heartbeat) = heard.recv() => view.heartbeat(&heartbeat)?,
        }
    }
    view.list(&socket, &watch)?;
    let received = socket.stats().received_messages;
    if received > 0 {
        say(format_args!(
            "note: {received} messages came here; those that ask for no acknowledgement are lost"
        ));
    }
    drop(socket);
    Ok(())
}

// ===== View =====

struct View<'a> {
    args: &'a PeersArgs,
}

/// A peer, or an event about it.
#[derive(Debug, Serialize)]
struct Row {
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    identity: String,
    #[serde(flatten)]
    connection: Option<Connection>,
    #[serde(flatten)]
    heard: Option<Heard>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct Connection {
    endpoint: String,
    address: String,
    dialect: String,
    tls: bool,
    /// Whether the connection was made from here.
    dialled: bool,
}

impl Connection {
    fn of(peer: &PeerInfo) -> Self {
        Self {
            endpoint: peer.endpoint.to_string(),
            address: peer.remote.to_string(),
            dialect: peer.dialect.to_string(),
            tls: peer.tls.is_some(),
            dialled: peer.dialled,
        }
    }
}

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

impl View<'_> {
    fn note(&self, event: Event) -> Outcome {
        match event {
            Event::PeerUp { peer } => self.tell("up", &peer.identity, Some(&peer), None),
            Event::PeerDown { peer, reason } => self.tell(
                "down",
                &peer.identity,
                Some(&peer),
                Some(said(&*reason).to_string()),
            ),
            Event::DialFailed { error, .. } | Event::AcceptFailed { error, .. }
                if self.args.watch =>
            {
                say(format_args!("note: {}", said(&*error)));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn heartbeat(&self, peer: &Identity) -> Outcome {
        self.tell("heartbeat", peer, None, None)
    }

    fn tell(
        &self,
        event: &'static str,
        peer: &Identity,
        info: Option<&PeerInfo>,
        reason: Option<String>,
    ) -> Outcome {
        if !self.args.watch {
            return Ok(());
        }
        let row = Row {
            time: now(),
            event: Some(event),
            identity: identity::show(peer),
            connection: info.map(Connection::of),
            heard: None,
            reason,
        };
        if self.args.json {
            return print::print_line(&row);
        }
        let mut line = format!("{} {event:<9} {}", row.time, row.identity);
        if let Some(it) = row.connection {
            let tls = if it.tls { ", tls" } else { "" };
            let _ = write!(line, " at {}, dialect {}{tls}", it.address, it.dialect);
        }
        if let Some(reason) = row.reason {
            let _ = write!(line, ": {reason}");
        }
        line.push('\n');
        print::print_text(&line)
    }

    /// Those that are connected now.
    fn list<S>(&self, socket: &Socket<S>, watch: &Watch) -> Outcome {
        if self.args.watch {
            return Ok(());
        }
        let mut peers = socket.peers();
        peers.sort_by(|one, other| one.identity.as_bytes().cmp(other.identity.as_bytes()));
        if self.args.json {
            for peer in &peers {
                print::print_line(&Row {
                    time: now(),
                    event: None,
                    identity: identity::show(&peer.identity),
                    connection: Some(Connection::of(peer)),
                    heard: Some(watch.heard(&peer.identity)),
                    reason: None,
                })?;
            }
            return Ok(());
        }
        let mut table = format!(
            "{:<36} {:<21} {:<7} {:<3} {:<4} {:>10} {:>8}\n",
            "identity", "address", "dialect", "tls", "from", "heartbeats", "messages"
        );
        for peer in &peers {
            let heard = watch.heard(&peer.identity);
            let _ = writeln!(
                table,
                "{:<36} {:<21} {:<7} {:<3} {:<4} {:>10} {:>8}",
                identity::show(&peer.identity),
                peer.remote.to_string(),
                peer.dialect.to_string(),
                if peer.tls.is_some() { "yes" } else { "no" },
                if peer.dialled { "here" } else { "them" },
                heard.heartbeats,
                heard.messages,
            );
        }
        print::print_text(&table)
    }
}

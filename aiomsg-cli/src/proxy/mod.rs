//! `aiomsg proxy`: between services that both scale.

mod args;
mod control;
mod counts;
mod drain;
mod file;
mod in_process;
mod limits;
mod observe;
mod relay;
mod reload;
mod settings;
mod side;
mod signals;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;
use tokio::time::Instant;

pub(crate) use args::ProxyArgs;
pub(crate) use in_process::InProcess;
pub(crate) use observe::status;
#[cfg(unix)]
pub(crate) use signals::{expect as expect_signals, forget as forget_signals};

use crate::common::failure::{Failure, Outcome};
use crate::common::say::tell;
use control::Control;
use counts::Counts;
use relay::Relay;
use settings::Settings;
use side::Side;
use signals::{Signal, Signals};

/// A proxy, for all that have to do with it.
struct Proxy {
    settings: Mutex<Settings>,
    /// What was said on the command line, which stays said when a file is
    /// reloaded.
    args: ProxyArgs,
    frontend: Side,
    backend: Side,
    control: Control,
    counts: Arc<Counts>,
    started: Instant,
}

/// The tasks that hand messages on.
struct Relays {
    onward: JoinHandle<()>,
    back: JoinHandle<()>,
}

pub(crate) async fn run(args: ProxyArgs) -> Outcome {
    // Before anything that takes time.
    let mut signals = Signals::new()?;
    let settings = Settings::load(&args)?;
    let check_config = args.check_config;
    let proxy = Arc::new(Proxy::build(settings.clone(), args)?);
    if check_config {
        tell("the settings are good");
        return Ok(());
    }
    observe::start(&proxy, &settings).await?;
    proxy.open(&settings).await?;
    for side in [&proxy.backend, &proxy.frontend] {
        for place in side.places() {
            let what = match place.listens {
                true => "listening at",
                false => "connecting to",
            };
            tell(format_args!("{}: {what} {}", side.name, place.endpoint()));
        }
    }
    let mut relays = proxy.relay(&settings);
    loop {
        let signal = tokio::select! {
            signal = signals.next() => signal,
            _ = &mut relays.onward => return Err(ended()),
            _ = &mut relays.back => return Err(ended()),
        };
        match signal {
            Signal::Reload => proxy.reload().await,
            Signal::Pause => proxy.pause("a signal"),
            Signal::Resume => proxy.resume("a signal"),
            Signal::End => break,
        }
    }
    tell("draining; another signal ends it at once");
    let draining = proxy.drain(relays);
    tokio::pin!(draining);
    let report = loop {
        tokio::select! {
            report = &mut draining => break report,
            signal = signals.next() => if signal == Signal::End {
                return Err(Failure::failed(format!(
                    "ended at once by a second signal; messages that were not handed on: {}",
                    proxy.held()
                )));
            },
        }
    };
    report.print();
    report.outcome()
}

/// They end when their sockets are closed, which is done further down only.
fn ended() -> Failure {
    Failure::failed("a task that hands messages on has ended: this is a mistake in the proxy")
}

impl Proxy {
    fn build(settings: Settings, args: ProxyArgs) -> Outcome<Self> {
        Ok(Self {
            frontend: Side::frontend(&settings)?,
            backend: Side::backend(&settings)?,
            args,
            settings: Mutex::new(settings),
            control: Control::new(),
            counts: Arc::default(),
            started: Instant::now(),
        })
    }

    /// Workers first: what creators send has somewhere to go.
    async fn open(&self, settings: &Settings) -> Outcome {
        self.backend.open(&settings.backend).await?;
        self.frontend.open(&settings.frontend).await
    }

    fn relay(&self, settings: &Settings) -> Relays {
        let (frontend, backend) = (self.frontend.socket.clone(), self.backend.socket.clone());
        let relay = Relay::new(frontend, backend, Arc::clone(&self.counts))
            .replies(settings.replies)
            .defers(settings.defers());
        let gate = self.control.gate();
        let onward = match settings.defers() && settings.resends() {
            true => tokio::spawn(relay.clone().acknowledged(gate, settings.in_flight)),
            false => tokio::spawn(relay.clone().onward(gate)),
        };
        Relays {
            onward,
            back: tokio::spawn(relay.back()),
        }
    }

    fn settings(&self) -> Settings {
        let settings = self.settings.lock();
        settings.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn pause(&self, by: &str) {
        if self.control.pause() {
            tracing::warn!(by, "paused: nothing is taken from the frontend");
            tell("paused");
        }
    }

    fn resume(&self, by: &str) {
        if self.control.resume() {
            tracing::warn!(by, "resumed");
            tell("resumed");
        }
    }

    /// Messages of creators that are in the proxy and nobody else's yet.
    fn held(&self) -> u64 {
        let waiting = self.frontend.socket.stats().unreceived_messages;
        let backend = self.backend.socket.stats();
        let unsent = backend.buffered_messages + backend.unacknowledged_messages;
        self.counts.messages.in_hand() + (waiting + unsent) as u64
    }

    /// Why the proxy is not ready to get work. `None`: it is.
    fn not_ready(&self) -> Option<String> {
        let state = self.control.state();
        if state != control::State::Running {
            return Some(format!("it is {}", state.name()));
        }
        for side in [&self.frontend, &self.backend] {
            let places = side.places();
            if places.is_empty() {
                return Some(format!("the {} is not yet open", side.name));
            }
            if let Some(error) = places.into_iter().find_map(|it| it.at.err()) {
                return Some(format!("the {} lacks an endpoint: {error}", side.name));
            }
        }
        let wanted = self.settings().ready_workers;
        let workers = self.backend.socket.stats().peers;
        (workers < wanted).then(|| format!("{workers} of {wanted} workers are connected"))
    }
}

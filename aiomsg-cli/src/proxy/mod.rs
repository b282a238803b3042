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
mod reload_task;
mod settings;
mod side;
mod signals;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;
use tokio::time::Instant;

pub(crate) use args::ProxyArgs;
pub(crate) use in_process::InProcess;
pub(crate) use observe::status;

use crate::common::failure::{Failure, Outcome};
use crate::common::off_thread::off_thread;
use crate::common::say::tell;
use control::Control;
use counts::Counts;
use relay::Relay;
use reload_task::Reloading;
use settings::Settings;
use side::Side;
use signals::{Order, Signal, Signals};

/// A proxy, for all that have to do with it.
struct Proxy {
    settings: Mutex<Settings>,
    /// What was said on the command line, which stays said when a file is
    /// reloaded.
    args: Arc<ProxyArgs>,
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
    let check_config = args.check_config;
    let built = signals.unless_end(off_thread(move || Proxy::load(args)));
    let proxy = match built.await {
        Ok(built) => Arc::new(built?),
        Err(stopped) if check_config => {
            let what = "stopped before the settings were checked";
            return Err(Failure::stopped(stopped, what));
        }
        Err(_) => {
            tell("ended before it was open");
            return Ok(());
        }
    };
    if check_config {
        tell("the settings are good");
        return Ok(());
    }
    let settings = proxy.settings();
    let opened = async {
        observe::start(&proxy, &settings).await?;
        proxy.open(&settings).await
    };
    match signals.unless_end(opened).await {
        Ok(opened) => {
            opened?;
            proxy.tell_places();
            let relays = proxy.run(&mut signals).await?;
            proxy.end(relays, &mut signals).await
        }
        // Creators may be connected already.
        Err(_) => proxy.end(proxy.relay(&settings), &mut signals).await,
    }
}

/// They end when their sockets are closed, which is done further down only.
fn ended() -> Failure {
    Failure::failed("a task that hands messages on has ended: this is a mistake in the proxy")
}

impl Proxy {
    /// Reads all files that the settings name.
    fn load(args: ProxyArgs) -> Outcome<Self> {
        let settings = Settings::load(&args)?;
        Ok(Self {
            frontend: Side::frontend(&settings)?,
            backend: Side::backend(&settings)?,
            args: Arc::new(args),
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

    fn tell_places(&self) {
        for side in [&self.backend, &self.frontend] {
            for place in side.places() {
                let what = match place.listens {
                    true => "listening at",
                    false => "connecting to",
                };
                tell(format_args!("{}: {what} {}", side.name, place.endpoint()));
            }
        }
    }

    /// Hands messages on, and does what it is told, until it is told to end.
    async fn run(self: &Arc<Self>, signals: &mut Signals) -> Outcome<Relays> {
        let mut relays = self.relay(&self.settings());
        let mut reloading = Reloading::default();
        loop {
            let signal = tokio::select! {
                signal = signals.next() => signal,
                () = reloading.go_on(self) => continue,
                _ = &mut relays.onward => return Err(ended()),
                _ = &mut relays.back => return Err(ended()),
            };
            match signal {
                Signal::Order(Order::Reload) => reloading.start(self),
                Signal::Order(Order::Pause) => self.pause("a signal"),
                Signal::Order(Order::Resume) => self.resume("a signal"),
                Signal::End => break,
            }
        }
        reloading.end().await;
        Ok(relays)
    }

    /// Drains, and says what became of all messages, unless another signal comes.
    async fn end(&self, relays: Relays, signals: &mut Signals) -> Outcome {
        tell("draining; another signal ends it at once");
        let draining = self.drain(relays);
        tokio::pin!(draining);
        let report = loop {
            tokio::select! {
                report = &mut draining => break report,
                signal = signals.next() => match signal {
                    Signal::End => return Err(Failure::failed(format!(
                        "ended at once by a second signal; messages that were not handed on: {}",
                        self.held()
                    ))),
                    Signal::Order(order) => tracing::warn!(
                        "not acted upon, as the proxy is draining: the signal to {}",
                        order.name()
                    ),
                },
            }
        };
        report.print();
        report.outcome()
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

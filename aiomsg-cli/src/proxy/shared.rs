//! The proxy, for all that have to do with it.

use std::sync::Arc;

use aiomsg::parts::vocabulary::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::args::ProxyArgs;
use super::control::{self, Control};
use super::counts::Counts;
use super::relay::Relay;
use super::settings::Settings;
use super::side::Side;
use crate::common::failure::Outcome;
use crate::common::say::tell;

/// Two sockets, and the tasks between them.
pub(super) struct Proxy {
    pub(super) settings: Mutex<Settings>,
    /// The command line, which keeps its precedence when the file is reloaded.
    pub(super) args: Arc<ProxyArgs>,
    pub(super) frontend: Side,
    pub(super) backend: Side,
    pub(super) control: Control,
    pub(super) counts: Arc<Counts>,
    pub(super) started: Instant,
}

/// The tasks that forward messages.
pub(super) struct Relays {
    pub(super) onward: JoinHandle<()>,
    pub(super) back: JoinHandle<()>,
}

impl Proxy {
    /// Reads all files that the settings name.
    pub(super) fn load(args: ProxyArgs) -> Outcome<Self> {
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

    /// Opens the backend first, so that messages of producers have somewhere to go.
    pub(super) async fn open(&self, settings: &Settings) -> Outcome {
        self.backend.open(&settings.backend).await?;
        self.frontend.open(&settings.frontend).await
    }

    pub(super) fn tell_places(&self) {
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

    pub(super) fn relay(&self, settings: &Settings) -> Relays {
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

    pub(super) fn settings(&self) -> Settings {
        self.settings.lock().clone()
    }

    pub(super) fn pause(&self, by: &str) {
        if self.control.pause() {
            tracing::warn!(by, "paused: nothing is taken from the frontend");
            tell("paused");
        }
    }

    pub(super) fn resume(&self, by: &str) {
        if self.control.resume() {
            tracing::warn!(by, "resumed");
            tell("resumed");
        }
    }

    /// Messages of producers that are in the proxy and nobody else's yet.
    pub(super) fn held(&self) -> u64 {
        let waiting = self.frontend.socket.stats().unreceived_messages;
        let backend = self.backend.socket.stats();
        let unsent = backend.buffered_messages + backend.unacknowledged_messages;
        self.counts.messages.in_hand() + (waiting + unsent) as u64
    }

    /// Why the proxy is not ready to get work. `None`: it is.
    pub(super) fn not_ready(&self) -> Option<String> {
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
        let wanted = self.settings().ready_consumers;
        let consumers = self.backend.socket.stats().peers;
        (consumers < wanted).then(|| format!("{consumers} of {wanted} consumers are connected"))
    }
}

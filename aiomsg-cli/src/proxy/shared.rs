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
use super::spool::Spooling;
use super::view::{Standing, View};
use crate::common::failure::Outcome;
use crate::common::off_thread::off_thread;
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
    pub(super) spool: Option<Arc<Spooling>>,
    pub(super) started: Instant,
}

/// The tasks that forward messages.
pub(super) struct Relays {
    pub(super) onward: JoinHandle<()>,
    pub(super) back: JoinHandle<()>,
    /// From the spool to consumers.
    pub(super) drainer: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Reads all files that the settings name.
    pub(super) async fn load(args: ProxyArgs) -> Outcome<Self> {
        let args = Arc::new(args);
        let given = Arc::clone(&args);
        let settings = off_thread(move || Settings::load(&given)).await?;
        // A check changes nothing on the disk.
        let spool = match args.check_config {
            true => None,
            false => Spooling::open(&settings.spool, settings.backend.overflow()).await?,
        };
        let spool = spool.map(Arc::new);
        let stores = spool.clone();
        let sides = move || {
            let kept = stores.as_deref().map(Spooling::identity);
            let frontend = Side::frontend(&settings)?;
            let backend = Side::backend(&settings, kept)?;
            Ok((frontend, backend, settings))
        };
        let (frontend, backend, settings) = off_thread(sides).await?;
        Ok(Self {
            frontend,
            backend,
            args,
            settings: Mutex::new(settings),
            control: Control::new(),
            counts: Arc::default(),
            spool,
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
                let what = place.kind.says();
                tell(format_args!("{}: {what} {}", side.name, place.endpoint()));
            }
        }
    }

    pub(super) fn relay(&self, settings: &Settings) -> Outcome<Relays> {
        let (frontend, backend) = (self.frontend.socket.clone(), self.backend.socket.clone());
        let relay = Relay::new(frontend, backend.clone(), Arc::clone(&self.counts))
            .holds_in(&self.frontend.in_hand)
            .replies(settings.replies)
            .defers(settings.defers());
        let gate = self.control.gate();
        let onward = match &self.spool {
            Some(spool) => tokio::spawn(relay.clone().spooled(gate, Arc::clone(spool))),
            None if settings.defers() && settings.resends() => {
                tokio::spawn(relay.clone().acknowledged(gate, settings.in_flight))
            }
            None => tokio::spawn(relay.clone().onward(gate)),
        };
        let drainer = match &self.spool {
            Some(spool) => {
                tokio::spawn(Arc::clone(spool).watch());
                Some(spool.drain(backend)?)
            }
            None => None,
        };
        Ok(Relays {
            onward,
            back: tokio::spawn(relay.back()),
            drainer,
        })
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
        let unsent = match self.spool {
            // They stay in the spool.
            Some(_) => 0,
            None => backend.buffered_messages + backend.unacknowledged_messages,
        };
        self.counts.messages.in_hand() + (waiting + unsent) as u64
    }

    /// The frontend and the backend as they are now.
    pub(super) fn views(&self) -> [View; 2] {
        [self.frontend.view(), self.backend.view()]
    }

    /// Why the proxy is not ready to get work, with its sides as they are. `None`: it is.
    pub(super) fn not_ready(&self, views: &[View; 2]) -> Option<String> {
        let state = self.control.state();
        if state != control::State::Running {
            return Some(format!("it is {}", state.name()));
        }
        if let Some(failure) = self.spool.as_ref().and_then(|it| it.failure()) {
            return Some(failure);
        }
        for (side, view) in [&self.frontend, &self.backend].into_iter().zip(views) {
            if view.places.is_empty() {
                return Some(format!("the {} is not yet open", side.name));
            }
            let error = view.places.iter().find_map(|(_, standing)| match standing {
                Standing::Down(error) => Some(error),
                Standing::Up | Standing::DuplicateOf(_) => None,
            });
            if let Some(error) = error {
                return Some(format!("the {} lacks an endpoint: {error}", side.name));
            }
        }
        let wanted = self.settings().ready_consumers;
        let consumers = views[1].peers.len();
        (consumers < wanted).then(|| format!("{consumers} of {wanted} consumers are connected"))
    }
}

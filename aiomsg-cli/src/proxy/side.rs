//! One side of the proxy: a socket, and where it listens and connects.

use std::sync::Arc;

use aiomsg::builder::Overflow;
use aiomsg::parts::vocabulary::sync::{Mutex, MutexGuard};
use aiomsg::{AckMode, DeliveryGuarantee, Endpoint, Identity, SendMode, Socket, TlsConfig};

use super::args::ModeArg;
use super::closed::ClosedConnections;
use super::dial_errors::DialErrors;
use super::in_hand::InHand;
use super::observe::status::Closed;
use super::settings::{Settings, SideSettings};
use crate::common::failure::{Failure, Outcome};
use crate::common::off_thread::off_thread;
use crate::common::said::said;
use crate::common::say::tell;

pub(super) struct Side {
    pub(super) name: &'static str,
    pub(super) socket: Socket,
    tls: Option<TlsConfig>,
    places: Mutex<Vec<Place>>,
    pub(super) dial_errors: Arc<Mutex<DialErrors>>,
    closed: Arc<Mutex<ClosedConnections>>,
    /// What has left its inbox, and is not yet with the other side.
    pub(super) in_hand: Arc<InHand>,
}

/// An endpoint that the settings name.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) wanted: Endpoint,
    pub(super) kind: Kind,
    /// Where that is, with the real port, or why it is not.
    pub(super) at: Result<Endpoint, String>,
}

/// What a side does with an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It listens there.
    Listens,
    /// It connects to it.
    Connects,
    /// It connects to every address of the name.
    ConnectsToAll,
}

impl Side {
    pub(super) fn frontend(settings: &Settings) -> Outcome<Self> {
        let ack_mode = match settings.defers() {
            true => AckMode::Handled,
            false => AckMode::Received,
        };
        Self::build(&settings.frontend, |builder| builder.ack_mode(ack_mode))
    }

    /// `kept` is the identity of stored messages, if they are stored.
    pub(super) fn backend(settings: &Settings, kept: Option<&Identity>) -> Outcome<Self> {
        let mode = match settings.mode {
            ModeArg::RoundRobin => SendMode::RoundRobin,
            ModeArg::Publish => SendMode::Publish,
        };
        let guarantee = match settings.resends() {
            true => DeliveryGuarantee::AtLeastOnce,
            false => DeliveryGuarantee::AtMostOnce,
        };
        Self::build(&settings.backend, |builder| {
            let builder = builder.send_mode(mode).delivery_guarantee(guarantee);
            let Some(identity) = kept else {
                return builder;
            };
            // The spool has the overflow rule: what it sends waits for room, or goes to
            // another consumer.
            let overflow = match settings.backend.overflow() {
                Overflow::Disconnect => Overflow::Disconnect,
                _ => Overflow::Wait,
            };
            builder.identity(identity.clone()).overflow(overflow)
        })
    }

    fn build(
        settings: &SideSettings,
        set: impl FnOnce(aiomsg::SocketBuilder) -> aiomsg::SocketBuilder,
    ) -> Outcome<Self> {
        let name = settings.name;
        let tls = settings.tls.config();
        let tls = tls.map_err(|error| Failure::usage(settings.tls_error(&error)))?;
        let mut builder = Socket::builder()
            .dialects(settings.dialect.dialects())
            .overflow(settings.overflow());
        builder = settings.limits.apply(set(builder));
        if let Some(identity) = &settings.identity {
            builder = builder.identity(identity.clone());
        }
        if let Some(tls) = &tls {
            builder = builder.tls(tls.clone());
        }
        let builder = settings.websocket.apply(builder);
        let builder = settings.websocket_headers.apply(builder);
        Ok(Self {
            name,
            socket: settings
                .peers
                .apply(builder)
                .build()
                .map_err(|error| Failure::usage(format!("{name}: {}", said(&error))))?,
            tls,
            places: Mutex::default(),
            dial_errors: Arc::default(),
            closed: Arc::default(),
            in_hand: Arc::default(),
        })
    }

    /// How many received messages wait, and their bytes.
    pub(super) fn inbox(&self) -> (usize, usize) {
        let stats = self.socket.stats();
        let (messages, bytes) = self.in_hand.get();
        (
            stats.unreceived_messages + messages,
            stats.unreceived_bytes + bytes,
        )
    }

    /// Listens and connects everywhere. Here, a failure is final.
    pub(super) async fn open(&self, settings: &SideSettings) -> Outcome {
        tokio::spawn(note_events(
            self.name,
            self.socket.events(),
            Arc::clone(&self.dial_errors),
            Arc::clone(&self.closed),
        ));
        for endpoint in &settings.bind {
            let at = self.socket.bind(endpoint.clone()).await;
            let at = at.map_err(|error| settings.open_error("bind", &error))?;
            self.add(endpoint, Kind::Listens, Ok(at));
        }
        for (kind, endpoint) in dialled(settings) {
            let setting = match kind {
                Kind::ConnectsToAll => "connect-all",
                _ => "connect",
            };
            let connected = self.connect(kind, endpoint);
            connected.map_err(|error| settings.open_error(setting, &error))?;
            self.add(endpoint, kind, Ok(endpoint.clone()));
        }
        Ok(())
    }

    /// Refuses settings that cannot be had without a restart, and reads the
    /// certificates of those that can.
    pub(super) async fn check(&self, settings: &SideSettings) -> Outcome<Option<TlsConfig>> {
        let dialled = dialled(settings).map(|(_, endpoint)| endpoint);
        let needs_tls = settings.bind.iter().chain(dialled).find(|it| it.is_tls());
        if let (None, Some(endpoint)) = (&self.tls, needs_tls) {
            return Err(Failure::usage(settings.error("tls", |_| {
                format!(
                    "{endpoint}: the proxy was started without certificates for this side; that \
                     needs a restart"
                )
            })));
        }
        match self.tls {
            Some(_) => {
                let settings = settings.clone();
                let read = move || {
                    settings.tls.config().map_err(|error| {
                        let what = settings.tls_error(&error);
                        Failure::usage(format!("{what}; the old certificates stay in use"))
                    })
                };
                off_thread(read).await
            }
            None => Ok(None),
        }
    }

    /// Where these settings say to listen, and it does not yet.
    pub(super) fn new_places(&self, settings: &SideSettings) -> Vec<Endpoint> {
        let new = settings
            .bind
            .iter()
            .filter(|it| !self.has(it, Kind::Listens));
        new.cloned().collect()
    }

    /// Listens at an endpoint. The settings may name another, where the port was for
    /// the system to choose.
    pub(super) async fn listen(
        &self,
        wanted: &Endpoint,
        at: &Endpoint,
    ) -> Result<(), aiomsg::Error> {
        let at = self.socket.bind(at.clone()).await?;
        self.note(wanted, Kind::Listens, &Ok(at));
        Ok(())
    }

    pub(super) async fn stop_listening_at(&self, endpoint: &Endpoint) {
        for gone in self.remove(|it| it.listens() && it.wanted == *endpoint) {
            let Ok(at) = gone.at else { continue };
            match self.socket.unbind(at.clone()).await {
                Ok(()) => tracing::info!(side = self.name, endpoint = %at, "no longer listening"),
                Err(error) => {
                    tracing::error!(side = self.name, error = %said(&error), "not unbound");
                }
            }
        }
    }

    /// Stops listening where these settings do not say to. Says where that was.
    pub(super) async fn let_go(&self, settings: &SideSettings) -> Vec<Place> {
        let places = self.places().into_iter();
        let gone = places.filter(|it| it.listens() && !settings.bind.contains(&it.wanted));
        let gone: Vec<_> = gone.collect();
        for place in &gone {
            self.stop_listening_at(&place.wanted).await;
        }
        gone
    }

    /// Connects where these settings say, and nowhere else.
    pub(super) fn connect_to(&self, settings: &SideSettings) {
        let stays = |place: &Place| {
            dialled(settings).any(|(kind, it)| kind == place.kind && *it == place.wanted)
        };
        for gone in self.remove(|it| !it.listens() && !stays(it)) {
            if self.socket.disconnect(gone.wanted.clone()).is_ok() {
                lock(&self.dial_errors).forget(&gone.wanted);
                tracing::info!(side = self.name, endpoint = %gone.wanted, "no longer connected");
            }
        }
        for (kind, endpoint) in dialled(settings) {
            if self.has(endpoint, kind) {
                continue;
            }
            let connected = self.connect(kind, endpoint);
            let at = connected.map(|()| endpoint.clone());
            self.note(endpoint, kind, &at);
        }
    }

    fn connect(&self, kind: Kind, endpoint: &Endpoint) -> Result<(), aiomsg::Error> {
        match kind {
            Kind::ConnectsToAll => self.socket.connect_all(endpoint.clone()),
            _ => self.socket.connect(endpoint.clone()),
        }
    }

    pub(super) fn renew(&self, new: Option<TlsConfig>) -> Result<(), aiomsg::Error> {
        if let (Some(tls), Some(new)) = (&self.tls, new) {
            tls.replace_with(&new)?;
            tracing::info!(side = self.name, "certificates reloaded");
        }
        Ok(())
    }

    /// Tries that failed are not there, so that they are tried again.
    fn has(&self, endpoint: &Endpoint, kind: Kind) -> bool {
        let places = lock(&self.places);
        let mut same = places.iter().filter(|it| it.kind == kind && it.at.is_ok());
        same.any(|it| it.wanted == *endpoint)
    }

    fn note(&self, endpoint: &Endpoint, kind: Kind, at: &Result<Endpoint, aiomsg::Error>) {
        self.remove(|it| it.kind == kind && it.wanted == *endpoint);
        let noted = match at {
            Ok(at) => Ok(at.clone()),
            Err(error) => Err(said(error).to_string()),
        };
        self.add(endpoint, kind, noted);
        // Readers of the output may rely on it.
        match at {
            Ok(at) => tell(format_args!("{}: {} {at}", self.name, kind.says())),
            Err(error) => {
                tracing::error!(side = self.name, error = %said(error), "an endpoint is not in use");
            }
        }
    }

    fn add(&self, wanted: &Endpoint, kind: Kind, at: Result<Endpoint, String>) {
        lock(&self.places).push(Place {
            wanted: wanted.clone(),
            kind,
            at,
        });
    }

    fn remove(&self, which: impl Fn(&Place) -> bool) -> Vec<Place> {
        let mut places = lock(&self.places);
        let (gone, stay) = places.drain(..).partition(|it| which(it));
        *places = stay;
        gone
    }

    /// Listens nowhere any more.
    pub(super) async fn stop_listening(&self) {
        for place in self.places().into_iter().filter(Place::listens) {
            if let Ok(at) = place.at {
                // It fails if it is not bound, which is as good.
                let _ = self.socket.unbind(at).await;
            }
        }
    }

    pub(super) fn places(&self) -> Vec<Place> {
        lock(&self.places).clone()
    }

    /// The connections that have ended last, the last one first.
    pub(super) fn closed(&self) -> Vec<Closed> {
        lock(&self.closed).recent()
    }
}

impl Kind {
    /// The words before the endpoint.
    pub(super) fn says(self) -> &'static str {
        match self {
            Self::Listens => "listening at",
            Self::Connects => "connecting to",
            Self::ConnectsToAll => "connecting to all of",
        }
    }
}

impl Place {
    pub(super) fn listens(&self) -> bool {
        self.kind == Kind::Listens
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        self.at.as_ref().unwrap_or(&self.wanted)
    }
}

/// Where these settings say to connect, and how.
fn dialled(settings: &SideSettings) -> impl Iterator<Item = (Kind, &Endpoint)> {
    let one = settings.connect.iter().map(|it| (Kind::Connects, it));
    let all = settings.connect_all.iter();
    one.chain(all.map(|it| (Kind::ConnectsToAll, it)))
}

async fn note_events(
    side: &'static str,
    mut events: aiomsg::Events,
    errors: Arc<Mutex<DialErrors>>,
    closed: Arc<Mutex<ClosedConnections>>,
) {
    while let Some(event) = events.next().await {
        lock(&closed).note(side, &event);
        lock(&errors).note(event);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

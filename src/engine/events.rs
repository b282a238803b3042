//! Telling whoever listens what is going on.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aiomsg_core::{
    Certificate, Delivery, Discarded, DropReason, Endpoint, Error, Identity, Limits, Outbound,
    Weight,
};
use aiomsg_layers::queue::Level;
use aiomsg_layers::session::Meter;
use aiomsg_layers::shared::catch;
use aiomsg_transport::RemoteAddr;
use tokio::time::Instant;

use super::event_log::{EventLog, Heard, Listener};
use super::peer::PeerInfo;
use super::per_second::PerSecond;
use super::stats::Counters;

/// So many lines of the log tell of peers that come and go, in a second.
const LINES: usize = 100;

/// Something that happened in a socket.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The socket listens at an endpoint; a port of 0 is the real one here.
    Listening {
        /// Where.
        endpoint: Endpoint,
    },
    /// A peer is connected.
    PeerUp {
        /// Who and how.
        peer: PeerInfo,
    },
    /// A peer is connected no more.
    PeerDown {
        /// Who it was.
        peer: PeerInfo,
        /// Why.
        reason: Arc<Error>,
    },
    /// A try to connect failed; there will be another.
    DialFailed {
        /// Where to.
        endpoint: Endpoint,
        /// Why.
        error: Arc<Error>,
        /// When the next try will be.
        retry_in: Duration,
    },
    /// A connection that came was refused, or failed before the peer had said
    /// who it is.
    AcceptFailed {
        /// Where it came to.
        endpoint: Endpoint,
        /// Where it came from; `None` if accepting itself failed.
        remote: Option<RemoteAddr>,
        /// Why.
        error: Arc<Error>,
    },
    /// So many more connections that came have failed than
    /// [`AcceptFailed`](Self::AcceptFailed) told of. No more than a quarter of
    /// [`event_capacity`](crate::SocketBuilder::event_capacity) are told of one by
    /// one in a second, so that strangers in great number do not push out what
    /// else has happened. Told before the next event after that second.
    AcceptFailuresOmitted {
        /// How many.
        count: u64,
    },
    /// A message was given up.
    Dropped {
        /// The message.
        message: Outbound,
        /// Why.
        reason: DropReason,
    },
    /// This end has ended a connection, or closes, and its peer has not shown that
    /// it has read everything.
    Unconfirmed {
        /// Whose.
        peer: PeerInfo,
        /// How many messages it may not have read, at most. See
        /// [`Unconfirmed`](crate::Unconfirmed).
        messages: u64,
    },
    /// A layer of the receive path, or the handler of
    /// [`Socket::serve`](crate::Socket::serve), refused a message, or failed on
    /// it. It was not acknowledged.
    Refused {
        /// The message.
        message: Delivery,
        /// The layer's error, or one with it as the source.
        error: Arc<Error>,
    },
    /// The queue of a peer is full: it takes less than is sent to it. Told at
    /// most once a second for one peer.
    QueueHigh {
        /// Whose.
        peer: Identity,
    },
    /// Half of a queue that was full is free again.
    QueueLow {
        /// Whose.
        peer: Identity,
    },
    /// The listener was too slow: this many events in between are lost to it.
    Missed {
        /// How many.
        count: u64,
    },
}

impl Event {
    /// The certificate of the peer that this is about, if the peer has presented
    /// one. On a connection that failed, or was refused, it is there when TLS
    /// had accepted the certificate by then.
    pub fn certificate(&self) -> Option<&Certificate> {
        match self {
            Self::PeerUp { peer }
            | Self::PeerDown { peer, .. }
            | Self::Unconfirmed { peer, .. } => peer.certificate(),
            Self::DialFailed { error, .. } | Self::AcceptFailed { error, .. } => {
                error.certificate()
            }
            Self::Refused { message, error } => {
                message.certificate().or_else(|| error.certificate())
            }
            _ => None,
        }
    }
}

impl Event {
    /// Whether this is about peers and strangers that come and go, of which there may be
    /// any number, and about where they do.
    pub(super) fn is_about_a_connection(&self) -> bool {
        matches!(
            self,
            Self::Listening { .. }
                | Self::PeerUp { .. }
                | Self::PeerDown { .. }
                | Self::DialFailed { .. }
                | Self::AcceptFailed { .. }
                | Self::AcceptFailuresOmitted { .. }
                | Self::QueueHigh { .. }
                | Self::QueueLow { .. }
        )
    }
}

/// The message in an event.
impl Weight for Event {
    fn weight(&self) -> usize {
        match self {
            Self::Dropped { message, .. } => message.weight(),
            Self::Refused { message, .. } => message.weight(),
            _ => 0,
        }
    }
}

/// The events of a socket, from the call of
/// [`Socket::events`](crate::Socket::events) on.
///
/// Listening slowly, or not at all, costs the listener its oldest events and
/// the socket nothing.
#[derive(Debug)]
pub struct Events(Listener);

impl Events {
    /// The next event; `None` when the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no event is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        match poll_fn(|cx| self.0.poll_next(cx)).await {
            Heard::Event(event) => Some(event),
            Heard::Missed(count) => Some(Event::Missed { count }),
            Heard::End => None,
        }
    }
}

/// Counts, logs and tells.
#[derive(Debug, Clone)]
pub(crate) struct Reporter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    events: EventLog,
    counters: Counters,
    refusals: PerSecond,
    /// Lines of the log about peers that come and go.
    comings: PerSecond,
    drops: DropLog,
}

/// Nobody is left to tell of anything: a socket may be dropped and not closed.
impl Drop for Inner {
    fn drop(&mut self) {
        self.events.end();
    }
}

impl Reporter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self(Arc::new(Inner {
            events: EventLog::new(limits),
            counters: Counters::default(),
            refusals: PerSecond::new(limits.items / 4),
            comings: PerSecond::new(LINES),
            drops: DropLog::default(),
        }))
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// What sessions count with.
    pub(crate) fn meter(&self) -> &Meter {
        &self.0.counters.meter
    }

    pub(crate) fn subscribe(&self) -> Events {
        Events(self.0.events.listen())
    }

    /// The socket is closed: no more events.
    pub(crate) fn end(&self) {
        self.0.events.end();
    }

    fn tell(&self, event: Event) {
        if let Some(count) = self.0.refusals.take_omitted() {
            self.0.events.add(Event::AcceptFailuresOmitted { count });
        }
        self.0.events.add(event);
    }

    /// Logs that a peer has come or gone, unless many have in this second: strangers may
    /// come and go all the time, under new names.
    fn say_of_a_coming(&self, log: impl FnOnce()) {
        let comings = &self.0.comings;
        if let Some(count) = comings.take_omitted() {
            say(|| tracing::info!(count, "more peers came or went within a second"));
        }
        if comings.admit() {
            say(log);
        }
    }

    pub(crate) fn listening(&self, endpoint: &Endpoint) {
        say(|| tracing::info!(%endpoint, "listening"));
        self.tell(Event::Listening {
            endpoint: endpoint.clone(),
        });
    }

    pub(crate) fn peer_up(&self, peer: &PeerInfo) {
        Counters::count(&self.0.counters.connections);
        self.say_of_a_coming(|| {
            tracing::info!(
                peer = %peer.identity.short(),
                endpoint = %peer.endpoint,
                remote = %peer.remote,
                dialect = %peer.dialect,
                "peer up"
            );
        });
        self.tell(Event::PeerUp { peer: peer.clone() });
    }

    pub(crate) fn peer_down(&self, peer: PeerInfo, reason: Error) {
        self.say_of_a_coming(|| {
            tracing::info!(
                peer = %peer.identity.short(),
                endpoint = %peer.endpoint,
                reason = %reason.chain(),
                "peer down"
            );
        });
        self.tell(Event::PeerDown {
            peer,
            reason: Arc::new(reason),
        });
    }

    pub(crate) fn unconfirmed(&self, peer: &PeerInfo, messages: u64) {
        say(|| {
            tracing::warn!(
                peer = %peer.identity.short(),
                endpoint = %peer.endpoint,
                messages,
                "the peer may not have read everything"
            );
        });
        self.tell(Event::Unconfirmed {
            peer: peer.clone(),
            messages,
        });
    }

    pub(crate) fn dial_failed(&self, endpoint: &Endpoint, error: Error, retry_in: Duration) {
        Counters::count(&self.0.counters.failed_connections);
        say(|| tracing::debug!(%endpoint, error = %error.chain(), ?retry_in, "could not connect"));
        self.tell(Event::DialFailed {
            endpoint: endpoint.clone(),
            error: Arc::new(error),
            retry_in,
        });
    }

    pub(crate) fn accept_failed(
        &self,
        endpoint: &Endpoint,
        remote: Option<RemoteAddr>,
        error: Error,
    ) {
        Counters::count(&self.0.counters.failed_connections);
        say(|| {
            let error = error.chain();
            tracing::debug!(%endpoint, ?remote, %error, "a connection was not accepted");
        });
        if !self.0.refusals.admit() {
            return;
        }
        self.tell(Event::AcceptFailed {
            endpoint: endpoint.clone(),
            remote,
            error: Arc::new(error),
        });
    }

    pub(crate) fn refused(&self, message: Delivery, error: Error) {
        Counters::count(&self.0.counters.refused_messages);
        say(|| {
            let (peer, error) = (message.from().short(), error.chain());
            tracing::debug!(%peer, %error, "a received message was refused");
        });
        self.tell(Event::Refused {
            message,
            error: Arc::new(error),
        });
    }

    pub(crate) fn queue(&self, peer: &Identity, level: Level) {
        say(|| tracing::debug!(peer = %peer.short(), ?level, "queue"));
        let peer = peer.clone();
        self.tell(match level {
            Level::High => Event::QueueHigh { peer },
            Level::Low => Event::QueueLow { peer },
        });
    }

    pub(crate) fn dropped(&self, lost: Discarded) {
        let Discarded {
            message, reason, ..
        } = lost;
        self.0.counters.count_drop(reason);
        self.0.drops.note(message.peer(), reason);
        self.tell(Event::Dropped { message, reason });
    }
}

/// Logs. Whoever hears logs may panic, which is to end nothing of the socket.
pub(crate) fn say(log: impl FnOnce()) {
    // The panic has been told of by then, as far as the program wants that.
    let _ = catch("the subscriber of logs", log);
}

/// A line per dropped message would flood the log just when things go wrong:
/// the first of each second is logged, with the number of those before it.
#[derive(Debug, Default)]
struct DropLog {
    last: Mutex<Option<Instant>>,
    unlogged: AtomicU64,
}

impl DropLog {
    const QUIET: Duration = Duration::from_secs(1);

    fn note(&self, peer: Option<&Identity>, reason: DropReason) {
        let now = Instant::now();
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_some_and(|last| now < last + Self::QUIET) {
                self.unlogged.fetch_add(1, Relaxed);
                return;
            }
            *last = Some(now);
        }
        let more = self.unlogged.swap(0, Relaxed);
        let peer = peer.map(|peer| peer.short().to_string());
        say(|| tracing::warn!(peer, %reason, more, "a message was dropped"));
    }
}

//! Reports of a socket: events, counters and log lines.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use aiomsg_core::{Delivery, Discarded, DropReason, Endpoint, Error, Identity, Limits};
use aiomsg_layers::queue::Level;
use aiomsg_layers::session::Meter;
use aiomsg_layers::shared::catch;
use aiomsg_transport::RemoteAddr;

pub use super::event::{Event, Events};
use super::event_log::EventLog;
use super::failures::{Failure, Failures};
use super::peer::PeerInfo;
use super::per_second::PerSecond;
use super::stats::Counters;

/// Log lines a second about peers that come and go.
const LINES: usize = 100;

/// The cause of a failed connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cause {
    /// The error.
    Failure,
    /// Nobody has listened there, for this time so far.
    Unheard(Duration),
    /// The peer has connected to us, and has left before it had sent its identity.
    Left,
    /// The usual course of things: the socket closes, somebody checks whether it listens, or two
    /// sockets that connect to each other keep one connection.
    Usual,
}

/// Counts, logs and reports events.
#[derive(Debug, Clone)]
pub(crate) struct Reporter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    events: EventLog,
    counters: Counters,
    refusals: PerSecond,
    /// Log lines about peers that come and go.
    comings: PerSecond,
    failures: Failures,
}

/// Ends the events of a socket that is dropped without a close.
impl Drop for Inner {
    fn drop(&mut self) {
        self.failures.end();
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
            failures: Failures::new(),
        }))
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Counts messages that are sent without their headers.
    pub(crate) fn left_out(&self) -> &Arc<AtomicU64> {
        &self.0.counters.headers_left_out
    }

    /// The counters of the sessions.
    pub(crate) fn meter(&self) -> &Meter {
        &self.0.counters.meter
    }

    pub(crate) fn subscribe(&self) -> Events {
        Events(self.0.events.listen())
    }

    /// Ends the events: the socket is closed.
    pub(crate) fn end(&self) {
        self.0.failures.end();
        self.0.events.end();
    }

    /// Logs repeated failures, for as long as the socket is there.
    pub(crate) fn log_failures(&self) -> impl Future<Output = ()> + Send + use<> {
        self.0.failures.clone().run()
    }

    /// The failures so far, the latest first.
    pub(crate) fn failures(&self) -> Vec<Failure> {
        self.0.failures.recent()
    }

    fn tell(&self, event: Event) {
        if let Some(count) = self.0.refusals.take_omitted() {
            self.0.events.add(Event::AcceptFailuresOmitted { count });
        }
        self.0.events.add(event);
    }

    /// Logs that a peer has come or gone, up to a number in each second: strangers may
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

    /// `cause` is what is known beside the error.
    pub(crate) fn dial_failed(
        &self,
        endpoint: &Endpoint,
        error: Error,
        retry_in: Duration,
        cause: Cause,
    ) {
        self.0.counters.count_failed_dial(error.kind());
        say(|| tracing::debug!(%endpoint, error = %error.chain(), ?retry_in, "could not connect"));
        let failures = &self.0.failures;
        match cause {
            Cause::Failure | Cause::Left => failures.dial(endpoint, &error, retry_in, None),
            Cause::Unheard(time) => failures.dial(endpoint, &error, retry_in, Some(time)),
            Cause::Usual => {}
        }
        self.tell(Event::DialFailed {
            endpoint: endpoint.clone(),
            error: Arc::new(error),
            retry_in,
        });
    }

    pub(crate) fn addresses_changed(
        &self,
        endpoint: &Endpoint,
        added: Vec<Endpoint>,
        removed: Vec<Endpoint>,
        omitted: usize,
    ) {
        say(|| {
            let (added, removed) = (added.len(), removed.len());
            tracing::info!(%endpoint, added, removed, omitted, "the addresses of a name changed");
        });
        self.tell(Event::AddressesChanged {
            endpoint: endpoint.clone(),
            added: added.into(),
            removed: removed.into(),
            omitted,
        });
    }

    /// Only the first of several failures in a row is a warning.
    pub(crate) fn lookup_failed(
        &self,
        endpoint: &Endpoint,
        error: Error,
        retry_in: Duration,
        first: bool,
    ) {
        say(|| {
            let error = error.chain();
            match first {
                true => tracing::warn!(%endpoint, %error, ?retry_in, "a name was not resolved"),
                false => tracing::debug!(%endpoint, %error, ?retry_in, "a name was not resolved"),
            }
        });
        self.tell(Event::LookupFailed {
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
        cause: Cause,
    ) {
        self.0.counters.count_failed_accept(error.kind());
        say(|| {
            let error = error.chain();
            tracing::debug!(%endpoint, ?remote, %error, "a connection was not accepted");
        });
        let failures = &self.0.failures;
        match cause {
            Cause::Usual => {}
            Cause::Left => failures.left(endpoint, remote.as_ref(), &error),
            Cause::Failure | Cause::Unheard(_) => {
                failures.accept(endpoint, remote.as_ref(), &error);
            }
        }
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
        self.0.failures.handler(message.from(), &error);
        self.tell(Event::Refused {
            message,
            error: Arc::new(error),
        });
    }

    /// Reports a message that was not handled because its sender had stopped waiting.
    pub(crate) fn expired(&self, message: Delivery, error: Error) {
        Counters::count(&self.0.counters.expired_messages);
        self.refused(message, error);
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
        // Nobody waits for a message to a topic without subscribers.
        if reason != DropReason::Unwanted {
            self.0.failures.dropped(message.peer(), reason);
        }
        self.tell(Event::Dropped { message, reason });
    }
}

/// Logs. A log subscriber that panics must not end a task of the socket.
pub(crate) fn say(log: impl FnOnce()) {
    // The panic hook of the program has reported the panic by then.
    let _ = catch("the subscriber of logs", log);
}

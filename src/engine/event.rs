//! The events of a socket.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use aiomsg_core::{Certificate, Delivery, DropReason, Endpoint, Error, Identity, Outbound, Weight};
use aiomsg_transport::RemoteAddr;

use super::event_log::{Heard, Listener};
use super::peer::PeerInfo;

/// An event of a socket.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The socket listens at an endpoint.
    Listening {
        /// The endpoint, with the real port in place of 0.
        endpoint: Endpoint,
    },
    /// A peer has connected.
    PeerUp {
        /// The peer.
        peer: PeerInfo,
    },
    /// A peer has disconnected.
    PeerDown {
        /// The peer.
        peer: PeerInfo,
        /// The reason.
        reason: Arc<Error>,
    },
    /// A try to connect failed. Another one follows.
    DialFailed {
        /// The dialled endpoint.
        endpoint: Endpoint,
        /// The reason.
        error: Arc<Error>,
        /// The time until the next try.
        retry_in: Duration,
    },
    /// The addresses of a name have changed, to which
    /// [`Socket::connect_all`](crate::Socket::connect_all) connects, or the name has been
    /// resolved again after a [failure](Self::LookupFailed). Then nothing may be added or
    /// removed.
    AddressesChanged {
        /// The endpoint with the name.
        endpoint: Endpoint,
        /// The endpoints that the socket connects to from now on.
        added: Arc<[Endpoint]>,
        /// The endpoints that it disconnects from.
        removed: Arc<[Endpoint]>,
        /// The number of addresses beyond
        /// [`max_addresses`](crate::SocketBuilder::max_addresses).
        omitted: usize,
    },
    /// A name of [`Socket::connect_all`](crate::Socket::connect_all) could not be resolved,
    /// or has no address. Another lookup follows. The connections stay.
    LookupFailed {
        /// The endpoint with the name.
        endpoint: Endpoint,
        /// The reason.
        error: Arc<Error>,
        /// The time until the next lookup.
        retry_in: Duration,
    },
    /// An incoming connection was refused, or failed before the peer had sent its
    /// identity.
    AcceptFailed {
        /// The bound endpoint.
        endpoint: Endpoint,
        /// The address of the peer, or `None` if accepting itself failed.
        remote: Option<RemoteAddr>,
        /// The reason.
        error: Arc<Error>,
    },
    /// More incoming connections have failed than [`AcceptFailed`](Self::AcceptFailed)
    /// has reported. In a second, no more of them than a quarter of
    /// [`event_capacity`](crate::SocketBuilder::event_capacity) are reported one by one,
    /// so that a flood of strangers does not push out other events. This event comes
    /// before the next one after that second.
    AcceptFailuresOmitted {
        /// The number of failures that were not reported.
        count: u64,
    },
    /// A message was dropped.
    Dropped {
        /// The message.
        message: Outbound,
        /// The reason.
        reason: DropReason,
    },
    /// This end has ended a connection, or closes, and the peer has not shown that it
    /// has read everything.
    Unconfirmed {
        /// The peer.
        peer: PeerInfo,
        /// The most messages that it may not have read. See
        /// [`Unconfirmed`](crate::close::Unconfirmed).
        messages: u64,
    },
    /// A layer of the receive path, or the handler of
    /// [`Socket::serve`](crate::Socket::serve), refused a message or failed on it. The
    /// message was not acknowledged, unless its sender had [stopped
    /// waiting](crate::stats::Stats::expired_messages) for the answer.
    Refused {
        /// The message.
        message: Delivery,
        /// The layer's error, or one with it as the source.
        error: Arc<Error>,
    },
    /// The queue of a peer is full: the peer reads slower than the socket sends.
    /// Reported at most once a second for each peer.
    QueueHigh {
        /// The peer.
        peer: Identity,
    },
    /// Half of a full queue is free again.
    QueueLow {
        /// The peer.
        peer: Identity,
    },
    /// The listener was too slow, and has lost events.
    Missed {
        /// The number of lost events.
        count: u64,
    },
}

impl Event {
    /// Returns the certificate of the event's peer, if the peer has presented one. For a
    /// failed or refused connection, only if TLS had accepted the certificate by then.
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
    /// Whether the event is about connections, of which strangers can cause any number.
    pub(super) fn is_about_a_connection(&self) -> bool {
        matches!(
            self,
            Self::Listening { .. }
                | Self::PeerUp { .. }
                | Self::PeerDown { .. }
                | Self::DialFailed { .. }
                | Self::AddressesChanged { .. }
                | Self::LookupFailed { .. }
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

/// The events of a socket since the call of [`Socket::events`](crate::Socket::events).
///
/// A listener that is slow, or never listens, loses its oldest events, and costs the
/// socket nothing.
#[derive(Debug)]
pub struct Events(pub(super) Listener);

impl Events {
    /// Returns the next event, or `None` when the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future loses no event.
    pub async fn next(&mut self) -> Option<Event> {
        match poll_fn(|cx| self.0.poll_next(cx)).await {
            Heard::Event(event) => Some(event),
            Heard::Missed(count) => Some(Event::Missed { count }),
            Heard::End => None,
        }
    }
}

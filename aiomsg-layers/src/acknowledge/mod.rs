//! Acknowledgements on a connection, in both directions.
//!
//! A [`Frame::Request`](aiomsg_core::Frame::Request) that was yielded is
//! acknowledged at the next flush, on its own connection, and ahead of everything
//! that waits to be sent. A [`Frame::Ack`](aiomsg_core::Frame::Ack) from the peer is
//! consumed, and reported to the [`Unacked`] messages. So are the requests that left
//! and, when the connection ends, those that it leaves unacknowledged.

mod connection;
mod deferral;
mod exchange;

pub use connection::Acknowledge;
pub(crate) use connection::{MOST_OWED, Owed};
pub use deferral::Deferral;

use tower::Layer;

use crate::at_least_once::Unacked;

/// Puts [`Acknowledge`] around a connection.
///
/// ```
/// use aiomsg_layers::AcknowledgeLayer;
///
/// // Sends acknowledgements, and ignores those of the peer.
/// let layer = AcknowledgeLayer::new();
/// ```
#[derive(Debug, Clone, Default)]
pub struct AcknowledgeLayer {
    unacked: Option<Unacked>,
    deferral: Deferral,
}

impl AcknowledgeLayer {
    /// Acknowledges requests of the peer, and drops acknowledgements from it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reports the peer's acknowledgements to the messages that wait for them.
    #[must_use]
    pub fn unacked(mut self, unacked: Unacked) -> Self {
        self.unacked = Some(unacked);
        self
    }

    /// While deferred, leaves acknowledgements to the handler, which sends the
    /// [`Frame::Ack`](aiomsg_core::Frame::Ack) of a request when it is done.
    #[must_use]
    pub fn deferral(mut self, deferral: Deferral) -> Self {
        self.deferral = deferral;
        self
    }
}

impl<C> Layer<C> for AcknowledgeLayer {
    type Service = Acknowledge<C>;

    fn layer(&self, inner: C) -> Acknowledge<C> {
        let unacked = self.unacked.as_ref().map(Unacked::connection);
        Acknowledge::new(inner, unacked, self.deferral.clone())
    }
}

#[cfg(test)]
mod batch_tests;
#[cfg(test)]
mod tests;

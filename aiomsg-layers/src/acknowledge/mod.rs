//! Acknowledgements on a connection: giving them, and hearing them.
//!
//! A [`Frame::Request`](aiomsg_core::Frame::Request) that was yielded is
//! acknowledged at the next flush, on the connection by which it came, and
//! ahead of everything that waits to be sent. A
//! [`Frame::Ack`](aiomsg_core::Frame::Ack) from the peer is taken out of the
//! stream and told to the [`Unacked`] messages,
//! as are the requests that left and, when the connection ends, those that
//! will not be acknowledged by it any more.

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
/// // Gives acknowledgements; nobody here waits for any.
/// let layer = AcknowledgeLayer::new();
/// ```
#[derive(Debug, Clone, Default)]
pub struct AcknowledgeLayer {
    unacked: Option<Unacked>,
    deferral: Deferral,
}

impl AcknowledgeLayer {
    /// Acknowledges what the peer sends. What the peer acknowledges is
    /// dropped.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells what the peer acknowledges to the messages that wait for it.
    #[must_use]
    pub fn unacked(mut self, unacked: Unacked) -> Self {
        self.unacked = Some(unacked);
        self
    }

    /// While deferred, does not acknowledge what is yielded: whoever handles a
    /// request sends its [`Frame::Ack`](aiomsg_core::Frame::Ack) when that is
    /// done.
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

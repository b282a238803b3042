//! Receiving.

use std::future::poll_fn;
use std::task::{Context, Poll};

use aiomsg_core::{Delivery, Error, ErrorKind, Identity};
use bytes::Bytes;

use super::{Inner, Socket};

impl<S> Socket<S> {
    /// Receives the next message, from whichever peer.
    ///
    /// # Errors
    ///
    /// [`Error::is_closed`] when the socket is closed and everything that had
    /// arrived was received.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: when the future is dropped before it is ready, no message
    /// is lost.
    pub async fn recv(&self) -> Result<Bytes, Error> {
        self.recv_message().await.map(Delivery::into_payload)
    }

    /// Receives the next message, with the identity of the peer that sent it.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Socket::recv).
    ///
    /// # Cancel safety
    ///
    /// As for [`recv`](Socket::recv).
    pub async fn recv_identity(&self) -> Result<(Identity, Bytes), Error> {
        let (from, payload, _) = self.recv_message().await?.into_parts();
        Ok((from, payload))
    }

    /// Receives the next message as text.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Socket::recv); and [`Error::is_payload`] when the
    /// message is not UTF-8. It is received then all the same.
    ///
    /// # Cancel safety
    ///
    /// As for [`recv`](Socket::recv).
    pub async fn recv_text(&self) -> Result<String, Error> {
        let (from, payload, _) = self.recv_message().await?.into_parts();
        String::from_utf8(payload.into()).map_err(|error| {
            Error::new(ErrorKind::Payload)
                .with_reason("the message is not utf-8 text")
                .with_peer(from)
                .with_source(error)
        })
    }

    /// Receives the next message with all that is known of it.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Socket::recv).
    ///
    /// # Cancel safety
    ///
    /// As for [`recv`](Socket::recv).
    pub async fn recv_message(&self) -> Result<Delivery, Error> {
        poll_fn(|cx| self.inner.poll_recv(cx))
            .await
            .ok_or_else(|| ErrorKind::Closed.into())
    }
}

impl<S> Inner<S> {
    pub(super) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        self.engine.inbox.poll_pop(cx)
    }
}

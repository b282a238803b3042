//! Receiving.

use std::future::{Future, poll_fn};
use std::task::{Context, Poll, ready};

use aiomsg_core::{Delivery, Error, ErrorKind, Identity};
use bytes::Bytes;

use super::{Inner, Socket};

impl<S> Socket<S> {
    /// Receives the next message of any peer.
    ///
    /// # Errors
    ///
    /// [`Error::is_closed`] when the socket is closed and every message that had
    /// arrived was received.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future loses no message.
    pub fn recv(&self) -> impl Future<Output = Result<Bytes, Error>> {
        poll_fn(|cx| self.inner.poll_with(cx, Delivery::into_payload))
    }

    /// Receives the next message, with the identity of its sender.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Socket::recv).
    ///
    /// # Cancel safety
    ///
    /// As for [`recv`](Socket::recv).
    pub fn recv_identity(&self) -> impl Future<Output = Result<(Identity, Bytes), Error>> {
        poll_fn(|cx| {
            self.inner.poll_with(cx, |message| {
                let (from, payload, _) = message.into_parts();
                (from, payload)
            })
        })
    }

    /// Receives the next message as text.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Socket::recv), and [`Error::is_payload`] when the message is not
    /// UTF-8. It counts as received.
    ///
    /// # Cancel safety
    ///
    /// As for [`recv`](Socket::recv).
    pub async fn recv_text(&self) -> Result<String, Error> {
        let (from, payload, _) = self.take().await?.into_parts();
        String::from_utf8(payload.into()).map_err(|error| {
            Error::new(ErrorKind::Payload)
                .with_reason("the message is not utf-8 text")
                .with_peer(from)
                .with_source(error)
        })
    }

    /// Receives the next message as a [`Delivery`]: with its sender, id and certificate.
    ///
    /// With [`AckMode::Handled`](crate::AckMode::Handled), the caller
    /// [acknowledges](Delivery::ack) it when it is handled.
    ///
    /// ```
    /// use aiomsg::{AckMode, Socket};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// let worker = Socket::builder().ack_mode(AckMode::Handled).build()?;
    /// let endpoint = worker.bind("127.0.0.1:0").await?;
    /// let client = Socket::builder().at_least_once().build()?;
    /// client.connect(endpoint)?;
    /// client.send("job").await?;
    ///
    /// let job = worker.recv_message().await?;
    /// println!("done: {:?}", job.payload()); // a crash before this loses nothing
    /// assert!(job.ack());
    /// assert!(client.close(Duration::from_secs(5)).await.is_clean());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`recv`](Socket::recv).
    ///
    /// # Cancel safety
    ///
    /// As for [`recv`](Socket::recv).
    pub async fn recv_message(&self) -> Result<Delivery, Error> {
        poll_fn(|cx| self.inner.poll_delivery(cx))
            .await
            .ok_or_else(|| ErrorKind::Closed.into())
    }
}

impl<S> Socket<S> {
    /// Acknowledges a message that asks for it, as [`Delivery::ack`] does for one that
    /// is at hand as it was received.
    ///
    /// Returns `false` if the message asks for no acknowledgement, or its peer is not
    /// connected now and will send it again.
    pub fn acknowledge(&self, message: &Delivery) -> bool {
        self.engine().acknowledge(message)
    }
}

impl<S> Inner<S> {
    /// The next message, which the caller acknowledges.
    pub(super) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        self.poll_recv_with(cx, |message| message)
    }

    /// The next message, for callers that may acknowledge it by itself.
    pub(super) fn poll_delivery(&self, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let mut message = ready!(self.poll_recv(cx));
        self.let_ack(message.as_mut_slice());
        Poll::Ready(message)
    }

    /// Lets messages acknowledge themselves, unless the socket does it.
    pub(super) fn let_ack(&self, messages: &mut [Delivery]) {
        if !self.engine.deferral.is_deferred() {
            return;
        }
        for message in messages.iter_mut().filter(|it| it.id().is_some()) {
            message.set_acker(self.acker.clone());
        }
    }

    /// The same, reduced to the wanted part.
    #[inline(always)]
    fn poll_recv_with<T>(
        &self,
        cx: &mut Context<'_>,
        take: impl FnOnce(Delivery) -> T,
    ) -> Poll<Option<T>> {
        ready!(self.receives.poll(cx, || self.come_from()));
        self.engine.inbox.poll_pop_with(cx, take)
    }

    /// The wanted part of the next message, for callers that cannot acknowledge it
    /// afterwards: it counts as handled.
    #[inline(always)]
    fn poll_with<T>(
        &self,
        cx: &mut Context<'_>,
        take: impl FnOnce(Delivery) -> T,
    ) -> Poll<Result<T, Error>> {
        let taken = match self.engine.deferral.is_deferred() {
            true => ready!(self.poll_take(cx)).map(take),
            false => ready!(self.poll_recv_with(cx, take)),
        };
        Poll::Ready(taken.ok_or_else(|| ErrorKind::Closed.into()))
    }

    /// The next message, for callers that will not know which it was: it counts
    /// as handled.
    pub(super) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let message = ready!(self.poll_recv(cx));
        if let Some(message) = &message
            && self.engine.deferral.is_deferred()
        {
            self.engine.acknowledge(message);
        }
        Poll::Ready(message)
    }

    /// A little more than its sessions can bring meanwhile: or messages would pile
    /// up in front of a receiver that never waits.
    pub(super) fn come_from(&self) -> usize {
        self.engine.peers.len() + 1
    }
}

impl<S> Socket<S> {
    pub(super) async fn take(&self) -> Result<Delivery, Error> {
        poll_fn(|cx| self.inner.poll_take(cx))
            .await
            .ok_or_else(|| ErrorKind::Closed.into())
    }
}

//! The socket as a stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::{Delivery, Error, Identity};
use bytes::Bytes;
use futures_core::Stream;

use super::Socket;
use crate::engine::stack::StandardSend;

impl<S> Socket<S> {
    /// Returns a stream of received messages, which ends when the socket is closed.
    ///
    /// ```
    /// use aiomsg::Socket;
    /// use futures::StreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// # let (a, socket) = (Socket::new()?, Socket::new()?);
    /// # a.bind("mem://streams-doc").await?;
    /// # socket.connect("mem://streams-doc")?;
    /// # a.send("one").await?; a.send("two").await?;
    /// let mut messages = socket.messages().take(2);
    /// while let Some(message) = messages.next().await {
    ///     println!("{message:?}");
    /// }
    /// # Ok(()) }
    /// ```
    pub fn messages(&self) -> Messages<S> {
        Messages(self.clone())
    }

    /// Returns a stream of received messages with the identity of each sender, which
    /// ends when the socket is closed.
    pub fn identity_messages(&self) -> IdentityMessages<S> {
        IdentityMessages(self.clone())
    }
}

impl<S> Socket<S> {
    /// Returns a stream of received messages as [`Delivery`]s, with sender, id and
    /// certificate, which ends when the socket is closed.
    ///
    /// With [`AckMode::Handled`](crate::AckMode::Handled), the caller
    /// [acknowledges](Delivery::ack) each of them.
    ///
    /// ```
    /// use aiomsg::{AckMode, Socket};
    /// use futures::StreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// let worker = Socket::builder().ack_mode(AckMode::Handled).build()?;
    /// # worker.bind("mem://deliveries-doc").await?;
    /// # let client = Socket::builder().at_least_once().build()?;
    /// # client.connect("mem://deliveries-doc")?;
    /// # client.send("one").await?; client.send("two").await?;
    /// let mut jobs = worker.deliveries().take(2);
    /// while let Some(job) = jobs.next().await {
    ///     println!("from {}: {:?}", job.from(), job.payload());
    ///     job.ack();
    /// }
    /// # assert!(client.close(std::time::Duration::from_secs(5)).await.is_clean());
    /// # Ok(()) }
    /// ```
    pub fn deliveries(&self) -> Deliveries<S> {
        Deliveries(self.clone())
    }
}

/// A stream of received messages as [`Delivery`]s. It keeps the socket alive.
#[derive(Debug, Clone)]
pub struct Deliveries<S = StandardSend>(Socket<S>);

impl<S> Stream for Deliveries<S> {
    type Item = Delivery;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        self.0.inner.poll_delivery(cx)
    }
}

/// A stream of received messages. It keeps the socket alive.
#[derive(Debug, Clone)]
pub struct Messages<S = StandardSend>(Socket<S>);

impl<S> Stream for Messages<S> {
    type Item = Bytes;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let message = self.0.inner.poll_take(cx);
        message.map(|message| message.map(Delivery::into_payload))
    }
}

/// A stream of received messages with their senders. It keeps the socket alive.
#[derive(Debug, Clone)]
pub struct IdentityMessages<S = StandardSend>(Socket<S>);

impl<S> Stream for IdentityMessages<S> {
    type Item = (Identity, Bytes);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = self.0.inner.poll_take(cx);
        message.map(|message| {
            let (from, payload, _) = message?.into_parts();
            Some((from, payload))
        })
    }
}

/// A socket as a stream yields received messages as results, as `StreamExt::forward`
/// needs them.
impl<S> Stream for Socket<S> {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = self.inner.poll_take(cx);
        message.map(|message| Some(Ok(message?.into_payload())))
    }
}

//! The standard stack of the send path, as a type.
//!
//! This is what the layers of [`SocketBuilder::layer`](crate::SocketBuilder::layer)
//! are put around.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::outbound::offer_each;
use aiomsg_core::{Error, Identity, Outbound};
use aiomsg_layers::at_least_once::{AtLeastOnce, ResponseFuture};
use aiomsg_layers::buffer::{Buffer, BufferFuture};
use aiomsg_layers::queue::Queue;
use aiomsg_layers::route::{AnyPolicy, Changes, Router};
use tower::Service;

pub(crate) type StandardRouter = Router<Changes<Queue<Outbound>>, AnyPolicy<Queue<Outbound>>>;
pub(crate) type StandardBuffer = Buffer<StandardRouter>;

/// The standard stack: at-least-once if asked for, buffer, router.
///
/// A `Service` of messages. Its response says that the message was accepted.
#[derive(Debug, Clone)]
pub struct StandardSend(Stack);

/// `AtLeastOnce` is there or not; what is not asked for costs nothing.
#[derive(Debug, Clone)]
enum Stack {
    AtMostOnce(StandardBuffer),
    AtLeastOnce(AtLeastOnce<StandardBuffer>),
}

/// The future of [`StandardSend`]: ready when the message is accepted. Dropped
/// before that, the message is not sent.
#[derive(Debug)]
pub struct StandardFuture(StackFuture);

#[derive(Debug)]
enum StackFuture {
    AtMostOnce(BufferFuture<StandardRouter>),
    AtLeastOnce(ResponseFuture<BufferFuture<StandardRouter>>),
    Accepted,
}

impl StandardSend {
    pub(crate) fn at_most_once(buffer: StandardBuffer) -> Self {
        Self(Stack::AtMostOnce(buffer))
    }

    pub(crate) fn at_least_once(service: AtLeastOnce<StandardBuffer>) -> Self {
        Self(Stack::AtLeastOnce(service))
    }
}

impl StandardSend {
    /// Sends a message if that can be done at once and nothing waits before it,
    /// in one step, and says whether it did. That is so for most messages, and
    /// costs a lock here and one at the queue of the peer.
    #[inline]
    pub(crate) fn try_send(&self, message: &mut Option<Outbound>) -> bool {
        match &self.0 {
            Stack::AtMostOnce(buffer) => buffer.try_send(message),
            Stack::AtLeastOnce(service) => service.try_send(message, Buffer::try_send),
        }
    }
}

impl StandardSend {
    /// The same for up to `most` messages from the front of these. What is left
    /// could not be sent at once.
    pub(crate) fn try_send_all(&self, messages: &mut VecDeque<Outbound>, most: usize) {
        match &self.0 {
            Stack::AtMostOnce(buffer) => buffer.try_send_all(messages, most),
            Stack::AtLeastOnce(_) => {
                offer_each(messages, most, |message| self.try_send(message));
            }
        }
    }
}

impl StandardSend {
    /// Ready when there is room for a message to this peer, as far as that is for the
    /// stack to say: the message may be given to `call`, and then waits for room at its
    /// peer, by itself.
    pub(crate) fn poll_room_for(&self, cx: &mut Context<'_>, peer: &Identity) -> Poll<()> {
        match &self.0 {
            Stack::AtMostOnce(_) => Poll::Ready(()),
            Stack::AtLeastOnce(service) => service.poll_room_for(cx, peer),
        }
    }
}

impl StandardFuture {
    /// Ready when the message is accepted, also where its acknowledgement is waited
    /// for. To be awaited afterwards, unless it has failed.
    pub(crate) fn poll_accepted(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match &mut self.0 {
            StackFuture::AtMostOnce(future) => {
                ready!(Pin::new(future).poll(cx))?;
                self.0 = StackFuture::Accepted;
                Poll::Ready(Ok(()))
            }
            StackFuture::AtLeastOnce(future) => Pin::new(future).poll_accepted(cx),
            StackFuture::Accepted => Poll::Ready(Ok(())),
        }
    }
}

impl Service<Outbound> for StandardSend {
    type Response = ();
    type Error = Error;
    type Future = StandardFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match &mut self.0 {
            Stack::AtMostOnce(service) => service.poll_ready(cx),
            Stack::AtLeastOnce(service) => service.poll_ready(cx),
        }
    }

    fn call(&mut self, message: Outbound) -> StandardFuture {
        StandardFuture(match &mut self.0 {
            Stack::AtMostOnce(service) => StackFuture::AtMostOnce(service.call(message)),
            Stack::AtLeastOnce(service) => StackFuture::AtLeastOnce(service.call(message)),
        })
    }
}

impl Future for StandardFuture {
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            StackFuture::AtMostOnce(future) => Pin::new(future).poll(cx),
            StackFuture::AtLeastOnce(future) => Pin::new(future).poll(cx),
            StackFuture::Accepted => Poll::Ready(Ok(())),
        }
    }
}

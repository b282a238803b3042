//! Sending and receiving many messages at once.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use aiomsg_core::{BoxError, Delivery, Error, ErrorKind, Outbound};
use tower::Service;

use super::{Inner, Socket};
use crate::layer::SendService;

impl<S: SendService> Socket<S> {
    /// Sends messages in order, and removes the accepted ones from `messages`.
    ///
    /// It does for many what [`send_message`](Socket::send_message) does for one, with
    /// one lock for as many as there is room for. With round robin, each peer gets an
    /// equal share.
    ///
    /// ```
    /// use std::collections::VecDeque;
    /// use aiomsg::{Outbound, Socket};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// let (source, sink) = (Socket::new()?, Socket::new()?);
    /// let endpoint = sink.bind("127.0.0.1:0").await?;
    /// source.connect(endpoint)?;
    ///
    /// let mut messages: VecDeque<_> = (0..1000).map(|n| Outbound::new(n.to_string())).collect();
    /// source.send_many(&mut messages).await?;
    /// assert!(messages.is_empty());
    ///
    /// let mut received = Vec::new();
    /// while received.len() < 1000 {
    ///     sink.recv_many(&mut received, 256).await?;
    /// }
    /// assert_eq!(received[999].payload(), "999");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`send`](Socket::send), for the first message left in `messages`. The
    /// error does not contain it. All messages before it were accepted.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a dropped future leaves the unsent messages in `messages`. A message
    /// that waits for its acknowledgement, or is in a layer around the stack, may have
    /// been sent, and is left there, too.
    pub async fn send_many(&self, messages: &mut VecDeque<Outbound>) -> Result<(), Error> {
        while !messages.is_empty() {
            let left = messages.len();
            poll_fn(|cx| self.inner.poll_try_send_all(cx, messages)).await;
            if messages.len() < left {
                continue;
            }
            // The first one has to wait, or cannot be sent. Its copy stays, in case this is
            // dropped.
            let Some(first) = messages.front().cloned() else {
                break;
            };
            match self.send_message(first).await {
                Ok(()) => _ = messages.pop_front(),
                Err(mut error) => {
                    // It is in one place, and that is here.
                    error.take_message();
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

impl<S> Socket<S> {
    /// Receives up to `most` messages as soon as there are any, appends them to
    /// `messages`, and returns their number. Returns zero only if `most` is zero.
    ///
    /// It does for many what [`recv_message`](Socket::recv_message) does for one. With
    /// [`AckMode::Handled`](crate::AckMode::Handled), the caller
    /// [acknowledges](Delivery::ack) each of them.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Socket::recv).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future loses no message.
    pub async fn recv_many(
        &self,
        messages: &mut Vec<Delivery>,
        most: usize,
    ) -> Result<usize, Error> {
        poll_fn(|cx| self.inner.poll_recv_all(cx, messages, most)).await
    }
}

impl<S> Inner<S> {
    fn poll_recv_all(
        &self,
        cx: &mut Context<'_>,
        messages: &mut Vec<Delivery>,
        most: usize,
    ) -> Poll<Result<usize, Error>> {
        ready!(self.receives.poll(cx, || self.come_from()));
        let before = messages.len();
        let count = ready!(self.engine.inbox.poll_pop_all(cx, messages, most));
        self.let_ack(&mut messages[before..]);
        if count == 0 && most > 0 {
            return Poll::Ready(Err(ErrorKind::Closed.into()));
        }
        self.receives.count(count.saturating_sub(1));
        Poll::Ready(Ok(count))
    }
}

impl<S> Inner<S>
where
    S: Service<Outbound, Error: Into<BoxError>> + 'static,
{
    /// Sends the messages that can be sent in one step. Pending when other tasks have their turn.
    fn poll_try_send_all(
        &self,
        cx: &mut Context<'_>,
        messages: &mut VecDeque<Outbound>,
    ) -> Poll<()> {
        ready!(self.poll_turn(cx));
        if let Some(direct) = &self.direct
            && self.line.lets_pass(cx)
        {
            let before = messages.len();
            let bad = messages.iter_mut().position(|it| !self.accepts(it));
            direct.send_all_now(messages, bad.unwrap_or(before));
            self.sends
                .count((before - messages.len()).saturating_sub(1));
        }
        Poll::Ready(())
    }
}

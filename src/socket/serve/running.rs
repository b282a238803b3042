//! The messages in handling, and their replies.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use aiomsg_core::{BoxError, Delivery, DropReason, Error, ErrorKind, IntoReply, Outbound};
use aiomsg_layers::request::{failure, failure_for_now, wants_failures};
use aiomsg_layers::shared::{caught, panicked};
use bytes::Bytes;
use tokio::task::{Id, JoinError, JoinSet};

use super::replies::Replies;
use super::unhandled::Unhandled;
use super::{HANDLER, Socket};
use crate::engine::events::say;
use crate::engine::explain;
use crate::layer::SendService;
use crate::stats::Timings;

/// The messages in handling.
pub(super) struct Running<S> {
    socket: Socket<S>,
    replies: Replies,
    error_texts: bool,
    pub(super) tasks: JoinSet<Result<(), Unhandled>>,
    /// The messages of the tasks that handle one. Others send the answer to a failed one.
    messages: HashMap<Id, Delivery>,
}

impl<S> Running<S> {
    pub(super) fn new(socket: Socket<S>, replies: Replies, error_texts: bool) -> Self {
        Self {
            socket,
            replies,
            error_texts,
            tasks: JoinSet::new(),
            messages: HashMap::new(),
        }
    }

    /// The number of messages in handling, without those whose replies wait for room.
    pub(super) fn len(&self) -> usize {
        self.tasks.len().saturating_sub(self.replies.len())
    }
}

impl<S: SendService + Send> Running<S> {
    /// Waits until one is handled.
    pub(super) async fn next(&mut self) -> Option<()> {
        let (id, result) = match self.tasks.join_next_with_id().await? {
            Ok(done) => done,
            Err(error) => (error.id(), Err(ended(error))),
        };
        if let Some(message) = self.messages.remove(&id)
            && let Err(unhandled) = result
        {
            self.refuse(message, unhandled);
        }
        Some(())
    }

    /// Reports a message that was not handled, to its sender too if that understands it.
    fn refuse(&mut self, message: Delivery, unhandled: Unhandled) {
        // Unacknowledged, it comes again.
        let answer = match message.id() {
            Some(_) => failure_for_now,
            None => failure,
        };
        let answer = wants_failures(&message)
            .then(|| answer(&message, &unhandled.text(self.error_texts)))
            .flatten();
        self.socket.refuse(message, explain(unhandled));
        if let Some(answer) = answer {
            let (socket, replies) = (self.socket.clone(), self.replies.clone());
            self.tasks.spawn(async move {
                reply_to(&socket, &replies, answer).await;
                Ok(())
            });
        }
    }

    pub(super) fn spawn<R, E>(
        &mut self,
        message: Delivery,
        handling: Result<impl Future<Output = Result<R, E>> + Send + 'static, Error>,
    ) where
        R: IntoReply + Send + 'static,
        E: Into<BoxError>,
    {
        let asker = message.from().clone();
        // Without the payload, which the handler may have taken.
        let asked = message.id();
        let asked = asked.map(|id| Delivery::new(asker.clone(), Bytes::new()).with_id(id));
        let (socket, replies) = (self.socket.clone(), self.replies.clone());
        let started = socket.engine().clock.start();
        let task = self.tasks.spawn(async move {
            let handling = handling.map_err(Unhandled::Panicked)?;
            let handled = caught(HANDLER, handling).await;
            let clock = &socket.engine().clock;
            clock.report(started, Timings::handled);
            let reply = handled
                .map_err(Unhandled::Panicked)?
                .map_err(Unhandled::failed)?;
            let headers = reply.reply_headers();
            let reply = reply.try_into_reply().map_err(Unhandled::Failed)?;
            // Now, and not behind a large reply, or one that waits for room.
            if let Some(asked) = asked {
                socket.acknowledge(&asked);
            }
            if let Some(payload) = reply {
                let reply = Outbound::new(payload).to(asker).with_headers(headers);
                reply_to(&socket, &replies, reply).await;
            }
            Ok(())
        });
        self.messages.insert(task.id(), message);
    }
}

/// Sends a reply. The message counts as handled, whatever the fate of the reply.
async fn reply_to<S: SendService + Send>(socket: &Socket<S>, replies: &Replies, reply: Outbound) {
    let peer = reply.peer().cloned();
    let mut sending = pin!(socket.send_message(reply));
    let at_once = poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx))).await;
    let sent = match at_once {
        Poll::Ready(sent) => sent,
        Poll::Pending => {
            let _wait = peer.map(|peer| replies.wait_for(&peer));
            sending.await
        }
    };
    if let Err(mut error) = sent {
        say(|| tracing::debug!(error = %error.chain(), "a reply could not be sent"));
        if let Some(reply) = error.take_message() {
            let discard = &socket.engine().discard;
            discard.message(reply, DropReason::ReplyRefused);
        }
    }
}

fn ended(error: JoinError) -> Unhandled {
    match error.try_into_panic() {
        // From making the reply, or from a destructor.
        Ok(payload) => Unhandled::Panicked(panicked(HANDLER, payload)),
        Err(error) => Unhandled::failed(
            Error::new(ErrorKind::Layer)
                .with_reason("the handler was ended")
                .with_source(error),
        ),
    }
}

/// Reports the messages that were not handled.
impl<S> Drop for Running<S> {
    fn drop(&mut self) {
        for message in std::mem::take(&mut self.messages).into_values() {
            self.socket.refuse(message, ErrorKind::Closed.into());
        }
    }
}

//! The messages in handling, and their replies.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use aiomsg_core::{BoxError, Delivery, DropReason, Error, ErrorKind, IntoReply, Outbound};
use aiomsg_layers::shared::{caught, panicked};
use bytes::Bytes;
use tokio::task::{Id, JoinError, JoinSet};

use super::replies::Replies;
use super::{HANDLER, Socket};
use crate::engine::events::say;
use crate::engine::explain;
use crate::layer::SendService;
use crate::stats::Timings;

/// The messages in handling.
pub(super) struct Running<S> {
    socket: Socket<S>,
    replies: Replies,
    pub(super) tasks: JoinSet<Result<(), BoxError>>,
    messages: HashMap<Id, Delivery>,
}

impl<S> Running<S> {
    pub(super) fn new(socket: Socket<S>, replies: Replies) -> Self {
        Self {
            socket,
            replies,
            tasks: JoinSet::new(),
            messages: HashMap::new(),
        }
    }

    /// The number of messages in handling, without those whose replies wait for room.
    pub(super) fn len(&self) -> usize {
        self.tasks.len().saturating_sub(self.replies.len())
    }

    /// Waits until one is handled.
    pub(super) async fn next(&mut self) -> Option<()> {
        let (id, result) = match self.tasks.join_next_with_id().await? {
            Ok(done) => done,
            Err(error) => (error.id(), Err(ended(error))),
        };
        let message = self.messages.remove(&id)?;
        if let Err(error) = result {
            self.socket.refuse(message, explain(error));
        }
        Some(())
    }
}

impl<S: SendService + Send> Running<S> {
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
            let handled = caught(HANDLER, handling?).await;
            let clock = &socket.engine().clock;
            clock.report(started, Timings::handled);
            let reply = handled?.map_err(Into::into)?;
            // Now, and not behind a large reply, or one that waits for room.
            if let Some(asked) = asked {
                socket.acknowledge(&asked);
            }
            if let Some(payload) = reply.into_reply() {
                reply_to(&socket, &replies, Outbound::new(payload).to(asker)).await;
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

fn ended(error: JoinError) -> BoxError {
    match error.try_into_panic() {
        // From making the reply, or from a destructor.
        Ok(payload) => panicked(HANDLER, payload),
        Err(error) => Error::new(ErrorKind::Layer)
            .with_reason("the handler was ended")
            .with_source(error),
    }
    .into()
}

/// Reports the messages that were not handled.
impl<S> Drop for Running<S> {
    fn drop(&mut self) {
        for message in std::mem::take(&mut self.messages).into_values() {
            self.socket.refuse(message, ErrorKind::Closed.into());
        }
    }
}

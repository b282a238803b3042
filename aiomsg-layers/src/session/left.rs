//! The unsent messages of a session that ends.

use std::collections::VecDeque;

use aiomsg_core::{Discard, DropReason, Frame, Link, MessageWithHeaders, Outbound, Target};

use super::SessionHandle;
use crate::queue::Queue;

/// The unsent messages of a session, put back at its end, also when its task is dropped in
/// the middle.
pub(super) struct Left {
    pub(super) queue: Queue<Outbound>,
    /// Messages taken from the queue and not yet given to the connection.
    pub(super) batch: VecDeque<Outbound>,
    pub(super) link: Link,
    pub(super) handle: SessionHandle,
    pub(super) discard: Option<Discard>,
    /// How many messages without acknowledgements were given to the connection. Only the
    /// end of the peer's direction, after ours, says that it has read them.
    pub(super) unconfirmed: u64,
    /// Set while a message is on its way by itself: the number of connections that have
    /// ended in the middle of it.
    pub(super) alone: Option<u8>,
    /// The connection has failed, or the peer has ended it.
    pub(super) failed: bool,
}

impl Left {
    pub(super) fn new(queue: Queue<Outbound>) -> Self {
        Self {
            queue,
            batch: VecDeque::new(),
            link: Link::new(),
            handle: SessionHandle::new(),
            discard: None,
            unconfirmed: 0,
            alone: None,
            failed: false,
        }
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        self.drop_refused();
        let mut unsent = self.take_unsent();
        self.handle
            .end(self.unconfirmed.saturating_sub(unsent.len() as u64));
        unsent.append(&mut self.batch);
        if let Some(discard) = &self.discard {
            let unconfirmed = self.link.take_unconfirmed();
            for message in unconfirmed.into_iter().filter_map(message) {
                discard.message(message, DropReason::Unconfirmed);
            }
        }
        self.queue.close_with(unsent.into_iter());
    }
}

/// The message of a frame that asked for no acknowledgement, unless it was meant for the
/// ended connection only.
pub(super) fn message(frame: Frame) -> Option<Outbound> {
    let message = any_message(frame)?;
    let goes_on = message.id().is_none() && *message.target() != Target::Connection;
    goes_on.then_some(message)
}

/// The message of a frame, with its id if it asked for an acknowledgement.
pub(super) fn any_message(frame: Frame) -> Option<Outbound> {
    match frame {
        Frame::Data { payload, target } => Some(Outbound::new(payload).with_target(target)),
        Frame::Request { id, payload } => Some(Outbound::new(payload).with_id(id)),
        Frame::WithHeaders(message) => {
            let MessageWithHeaders {
                id,
                target,
                headers,
                payload,
                ..
            } = *message;
            let mut message = Outbound::new(payload)
                .with_target(target)
                .with_headers(headers);
            message.set_id(id);
            Some(message)
        }
        _ => None,
    }
}

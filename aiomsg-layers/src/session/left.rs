//! What a session has not sent when it ends.

use std::collections::VecDeque;

use aiomsg_core::{Discard, DropReason, Frame, Link, Outbound, Target};

use super::SessionHandle;
use crate::queue::Queue;

/// What is not sent when a session ends, in whatever way: also when its task is
/// dropped in the middle.
pub(super) struct Left {
    pub(super) queue: Queue<Outbound>,
    /// Messages taken from the queue and not yet given to the connection.
    pub(super) batch: VecDeque<Outbound>,
    pub(super) link: Link,
    pub(super) handle: SessionHandle,
    pub(super) discard: Option<Discard>,
    /// How many messages were given to the connection that want no
    /// acknowledgement. Nothing but the end of the peer's direction, after that of
    /// ours, says that it has read them.
    pub(super) unconfirmed: u64,
    /// A message is on its way by itself, in the middle of which so many connections
    /// have ended.
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

/// The message of a frame that wanted no acknowledgement, unless it was about
/// the connection that has ended.
pub(super) fn message(frame: Frame) -> Option<Outbound> {
    match frame {
        Frame::Data {
            target: Target::Connection,
            ..
        } => None,
        Frame::Data { payload, target } => Some(Outbound::new(payload).with_target(target)),
        _ => None,
    }
}

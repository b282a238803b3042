//! The frames that a session gives to its connection, and takes from it.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use aiomsg_core::{
    Delivery, Frame, FrameSource, FrameVisitor, Identity, Limits, MessageId, MessageWithHeaders,
    Outbound, Target, Weight,
};
use bytes::Bytes;

use crate::request;

/// The batch that is being read.
pub(super) struct Arriving<'a> {
    pub(super) peer: &'a Identity,
    pub(super) messages: &'a mut VecDeque<Delivery>,
    /// How many bytes of payload they have.
    pub(super) bytes: usize,
    /// The bound in bytes. The last message may exceed it.
    pub(super) most: Limits,
}

impl Arriving<'_> {
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.most.admit(self.messages.len(), self.bytes)
    }
}

impl FrameVisitor for Arriving<'_> {
    #[inline(always)]
    fn visit(&mut self, frame: Frame) -> ControlFlow<()> {
        let message = match frame {
            Frame::Data { payload, .. } => Delivery::new(self.peer.clone(), payload),
            Frame::Request { id, payload } => Delivery::new(self.peer.clone(), payload).with_id(id),
            Frame::WithHeaders(message) => with_headers(self.peer, *message),
            _ => return ControlFlow::Continue(()),
        };
        self.bytes += message.weight();
        self.messages.push_back(message);
        match self.has_room() {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

#[cold]
fn with_headers(peer: &Identity, message: MessageWithHeaders) -> Delivery {
    let delivery = Delivery::new(peer.clone(), message.payload);
    let delivery = match message.id {
        Some(id) => delivery.with_id(id),
        None => delivery,
    };
    let delivery = match request::of_arriving(&message.headers) {
        // The time counts from here, and the message may wait.
        Some(deadline) => delivery.with_deadline(deadline.into_std()),
        None => delivery,
    };
    delivery.with_headers(message.headers)
}

/// Frames that are sent ahead of messages.
pub(super) struct First<'a> {
    /// Whether to send a heartbeat at once.
    pub(super) probe: &'a mut bool,
    pub(super) acks: &'a mut VecDeque<MessageId>,
}

impl First<'_> {
    pub(super) fn is_empty(&self) -> bool {
        !*self.probe && self.acks.is_empty()
    }

    fn next(&mut self) -> Option<Frame> {
        match std::mem::take(self.probe) {
            true => Some(Frame::Heartbeat),
            false => self.acks.pop_front().map(Frame::ack),
        }
    }
}

impl FrameSource for First<'_> {
    fn feed<V: FrameVisitor>(&mut self, visitor: &mut V) -> ControlFlow<()> {
        while let Some(frame) = self.next() {
            if visitor.visit(frame).is_break() && !self.is_empty() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

/// A message that is sent by itself.
pub(super) struct Alone<'a>(pub(super) Leaving<'a>);

impl FrameSource for Alone<'_> {
    fn feed<V: FrameVisitor>(&mut self, visitor: &mut V) -> ControlFlow<()> {
        if let Some(message) = self.0.messages.pop_front() {
            self.0.note(&message);
            // No other may follow.
            let _ = visitor.visit(message.into());
        }
        ControlFlow::Continue(())
    }
}

/// The batch that is being sent.
pub(super) struct Leaving<'a> {
    pub(super) messages: &'a mut VecDeque<Outbound>,
    /// How many were taken, and how many bytes of payload they have.
    pub(super) taken: &'a mut (usize, usize),
    /// Counts messages that ask for no acknowledgement.
    pub(super) unconfirmed: &'a mut u64,
}

impl Leaving<'_> {
    /// The next message, unless it must be sent by itself.
    #[inline(always)]
    fn next(&mut self) -> Option<Outbound> {
        if self.messages.front()?.interrupted() > 0 {
            return None;
        }
        let message = self.messages.pop_front()?;
        self.note(&message);
        Some(message)
    }

    /// Notes that a message is sent.
    #[inline(always)]
    fn note(&mut self, message: &Outbound) {
        self.taken.0 += 1;
        self.taken.1 += message.weight();
        *self.unconfirmed += u64::from(message.id().is_none());
    }
}

impl FrameSource for Leaving<'_> {
    #[inline(always)]
    fn feed<V: FrameVisitor>(&mut self, visitor: &mut V) -> ControlFlow<()> {
        while let Some(message) = self.next() {
            // Written out, so that the compiler knows the kind of the frame in the
            // visitor: these come by the million.
            match message.target() {
                Target::Any if message.is_plain() => visitor.visit(Frame::Data {
                    payload: message.into_payload(),
                    target: Target::Any,
                })?,
                Target::Copy if message.is_plain() => visitor.visit(Frame::Data {
                    payload: message.into_payload(),
                    target: Target::Copy,
                })?,
                _ => match message.id() {
                    Some(id) if message.headers().is_empty() => {
                        request(visitor, id, message.into_payload())?;
                    }
                    _ => apart(visitor, message.into())?,
                },
            }
        }
        ControlFlow::Continue(())
    }
}

#[inline(never)]
fn request<V: FrameVisitor>(visitor: &mut V, id: MessageId, payload: Bytes) -> ControlFlow<()> {
    visitor.visit(Frame::Request { id, payload })
}

#[inline(never)]
fn apart<V: FrameVisitor>(visitor: &mut V, frame: Frame) -> ControlFlow<()> {
    visitor.visit(frame)
}

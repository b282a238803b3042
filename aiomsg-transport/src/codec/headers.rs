//! Headers of messages, which only dialect v1 has: a frame of their own, directly before
//! that of their message.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use aiomsg_core::{Error, ErrorKind, Frame, HeaderLimits, Headers, MessageWithHeaders, Target};
use bytes::{BufMut, Bytes, BytesMut};

use super::v1;

/// The name of the extension, in the frame that announces it.
const NAME: &[u8] = b"aiomsg-headers/1";

/// The type that this implementation announces for its frames of headers.
const KIND: u8 = 0x40;

/// The headers of one connection, in both directions.
#[derive(Debug, Clone, Default)]
pub(super) struct HeaderCodec {
    pub(super) limits: HeaderLimits,
    /// A message with headers is refused where the dialect has none.
    pub(super) required: bool,
    /// We have said that we send headers.
    announced: bool,
    /// The type of the peer's frames of headers, once it has said that it sends them.
    kind: Option<u8>,
    next: Next,
    /// Counts messages that are sent without their headers.
    pub(super) left_out: Option<Arc<AtomicU64>>,
}

/// What is known of the headers of the next message.
#[derive(Debug, Clone, Default)]
enum Next {
    #[default]
    None,
    Has {
        /// The message with its headers, and without the rest. It has none if they are empty.
        message: Option<Box<MessageWithHeaders>>,
        /// They hold no other bytes.
        alone: bool,
    },
    /// They were refused, and so is the message: without them it is another one.
    Refused,
}

impl HeaderCodec {
    /// Whether a body of this type, if that has come, and of this length may be headers.
    #[cold]
    pub(super) fn may_be(&self, kind: Option<&u8>, body: usize) -> bool {
        let most = 1 + self.limits.bytes.min(HeaderLimits::MAX_BYTES);
        let is_kind = |own: u8| kind.is_none_or(|it| *it == own);
        body <= most && self.kind.is_some_and(is_kind)
    }

    /// Whether the headers of the next message have come, so that it must be next.
    pub(super) fn is_pending(&self) -> bool {
        !matches!(self.next, Next::None)
    }

    /// Notes that a frame of this type is not read, as it is over the limit.
    #[cold]
    pub(super) fn pass_over(&mut self, kind: u8) {
        if v1::is_message(kind) {
            self.next = Next::None;
        } else if self.kind == Some(kind) {
            self.next = Next::Refused;
        }
    }

    /// Notes that a frame of this type, if it has one, was wrong. Headers belong to the next
    /// message alone.
    #[cold]
    pub(super) fn fail(&mut self, kind: Option<u8>) {
        if kind.is_some_and(v1::is_message) {
            self.next = Next::None;
        } else if self.is_pending() {
            self.next = Next::Refused;
        }
    }

    /// Lets headers hold no other bytes while their message is still to come: a peer may take
    /// its time with that.
    #[cold]
    pub(super) fn wait(&mut self) {
        if let Next::Has { message, alone } = &mut self.next
            && !std::mem::replace(alone, true)
            && let Some(message) = message
        {
            message.headers.unshare();
        }
    }

    // ===== sending =====

    /// Writes the headers of a message, and announces them once.
    #[cold]
    pub(super) fn encode(
        &mut self,
        message: &MessageWithHeaders,
        dst: &mut BytesMut,
    ) -> Result<(), Error> {
        let headers = message.headers.as_bytes();
        if let Some(reason) = message.headers.excess(self.limits) {
            return Err(Error::new(ErrorKind::TooLarge).with_reason(reason));
        }
        if !std::mem::replace(&mut self.announced, true) {
            dst.put_u32((2 + NAME.len()) as u32);
            dst.put_slice(&[v1::EXTENSION, KIND]);
            dst.put_slice(NAME);
        }
        dst.put_u32((1 + headers.len()) as u32);
        dst.put_u8(KIND);
        dst.put_slice(headers);
        Ok(())
    }

    /// Notes a message whose headers the dialect does not have.
    #[cold]
    pub(super) fn leave_out(&mut self) -> Result<(), Error> {
        if self.required {
            return Err(Error::new(ErrorKind::Version)
                .with_reason("the message has headers, and the peer speaks the 2019 dialect"));
        }
        if let Some(count) = &self.left_out {
            count.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    // ===== receiving =====

    /// Reads what is behind an unknown type: an announcement, headers, or a frame to skip.
    /// Returns whether it is to be skipped.
    #[cold]
    pub(super) fn decode(&mut self, kind: u8, body: Bytes) -> Result<bool, Error> {
        if kind == v1::EXTENSION {
            let named = body.split_first().filter(|(_, name)| *name == NAME);
            let Some((&kind, _)) = named else {
                return Ok(true);
            };
            if kind <= v1::LAST || kind == v1::EXTENSION {
                return Err(protocol(format!("headers in frames of type {kind:#04x}")));
            }
            self.kind = Some(kind);
            return Ok(false);
        }
        if self.kind != Some(kind) {
            return Ok(true);
        }
        // Until they are found to be good.
        if !matches!(std::mem::replace(&mut self.next, Next::Refused), Next::None) {
            return Err(protocol("the headers of a message came twice"));
        }
        let headers = Headers::from_bytes(body, self.limits)?;
        let message = match Frame::message(None, Target::Any, headers, Bytes::new()) {
            Frame::WithHeaders(message) => Some(message),
            _ => None,
        };
        self.next = Next::Has {
            message,
            alone: false,
        };
        Ok(false)
    }

    /// Gives a message the headers that came before it.
    #[inline]
    pub(super) fn complete(&mut self, frame: Frame) -> Result<Frame, Error> {
        match self.is_pending() {
            false => Ok(frame),
            true => self.join(frame),
        }
    }

    #[cold]
    fn join(&mut self, frame: Frame) -> Result<Frame, Error> {
        if frame.payload().is_none() {
            return match self.next {
                Next::Has { .. } => Err(protocol("headers without a message behind them")),
                Next::None | Next::Refused => Ok(frame),
            };
        }
        match std::mem::take(&mut self.next) {
            Next::None => Ok(frame),
            Next::Has { message: None, .. } => Ok(frame),
            Next::Has {
                message: Some(message),
                ..
            } => Ok(join(message, frame)),
            Next::Refused => Err(protocol("a message whose headers were refused")),
        }
    }
}

fn join(mut message: Box<MessageWithHeaders>, frame: Frame) -> Frame {
    match frame {
        Frame::Data { payload, target } => {
            message.target = target;
            message.payload = payload;
        }
        Frame::Request { id, payload } => {
            message.id = Some(id);
            message.payload = payload;
        }
        frame => return frame,
    }
    Frame::WithHeaders(message)
}

#[cold]
fn protocol(reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol).with_reason(reason)
}

#[cfg(test)]
mod tests;

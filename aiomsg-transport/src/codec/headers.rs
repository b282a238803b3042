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
    /// The headers of the next message.
    read: Option<Headers>,
    /// They were refused, and so is the message: without them it is another one.
    refused: bool,
    /// Counts messages that are sent without their headers.
    pub(super) left_out: Option<Arc<AtomicU64>>,
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
        self.read.is_some() || self.refused
    }

    /// Notes that a frame is not read, whose type has perhaps not come. It may have headers.
    #[cold]
    pub(super) fn pass_over(&mut self, kind: Option<&u8>) {
        self.refused |= self
            .kind
            .is_some_and(|own| kind.is_none_or(|it| *it == own));
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
        let twice = self.is_pending();
        // Until they are found to be good.
        self.refused = true;
        if self.read.take().is_some() || twice {
            return Err(protocol("the headers of a message came twice"));
        }
        self.read = Some(Headers::from_bytes(body, self.limits)?);
        self.refused = false;
        Ok(false)
    }

    /// Gives a message the headers that came before it.
    #[inline]
    pub(super) fn complete(&mut self, frame: Frame) -> Result<Frame, Error> {
        if !self.is_pending() {
            return Ok(frame);
        }
        match self.read.take() {
            None => self.refuse(frame),
            Some(headers) => join(headers, frame),
        }
    }

    #[cold]
    fn refuse(&mut self, frame: Frame) -> Result<Frame, Error> {
        self.refused = false;
        match frame.payload() {
            Some(_) => Err(protocol("a message whose headers were refused")),
            None => Ok(frame),
        }
    }
}

#[cold]
fn join(headers: Headers, frame: Frame) -> Result<Frame, Error> {
    let (id, payload) = match frame {
        Frame::Data { payload, .. } => (None, payload),
        Frame::Request { id, payload } => (Some(id), payload),
        _ => return Err(protocol("headers without a message behind them")),
    };
    Ok(Frame::message(id, Target::Any, headers, payload))
}

#[cold]
fn protocol(reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol).with_reason(reason)
}

#[cfg(test)]
mod tests;

//! The codecs: frames to bytes and back, in both dialects.
//!
//! A frame is a big-endian length of 4 bytes and a body of that many bytes. The dialect
//! gives the body its meaning: see `docs/protocol.md`.
//!
//! [`FrameCodec`] is a [`Decoder`] and an [`Encoder`] of `tokio_util`, for the frames
//! behind the handshake. [`hello`] has the handshake.

mod headers;
pub mod hello;
mod v1;
mod v2019;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use aiomsg_core::{
    Dialect, Error, ErrorKind, Frame, FrameVisitor, HeaderLimits, MessageId, MessageIds, Target,
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use headers::HeaderCodec;
use v1::{Common, Decoded};

pub use v2019::is_ambiguous;

/// The length prefix of every frame, in bytes.
pub const PREFIX: usize = 4;

/// The most bytes that a dialect puts between the length and the payload.
pub const MAX_HEADER: usize = v2019::HEADER;

/// The default for the largest message: 64 MiB.
pub const DEFAULT_MAX_MESSAGE: usize = 64 << 20;

/// The codec of one connection, in its dialect.
///
/// ```
/// use aiomsg_core::{Dialect, Frame};
/// use aiomsg_transport::codec::FrameCodec;
/// use bytes::BytesMut;
/// use tokio_util::codec::{Decoder, Encoder};
///
/// let mut codec = FrameCodec::new(Dialect::V1);
/// let mut wire = BytesMut::new();
/// codec.encode(Frame::data("hi"), &mut wire)?;
/// assert_eq!(&wire[..], b"\x00\x00\x00\x03\x03hi");
/// assert_eq!(codec.decode(&mut wire)?, Some(Frame::data("hi")));
/// # Ok::<(), aiomsg_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FrameCodec {
    dialect: Dialect,
    max_message: usize,
    /// Ids for requests that carry an ambiguous payload in the 2019 dialect. No message
    /// waits for their acknowledgements.
    ids: MessageIds,
    headers: HeaderCodec,
    /// Most frames are messages in v1 for which no headers have come.
    plain: bool,
    skipped: u64,
    /// Bytes of a frame over the limit that are still to come, and are skipped.
    passing: usize,
    /// Its type is still to come.
    untyped: bool,
}

impl FrameCodec {
    /// Creates a codec for one connection, with messages of up to
    /// [`DEFAULT_MAX_MESSAGE`] bytes.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            max_message: DEFAULT_MAX_MESSAGE,
            ids: MessageIds::new(),
            headers: HeaderCodec::default(),
            plain: dialect == Dialect::V1,
            skipped: 0,
            passing: 0,
            untyped: false,
        }
    }

    /// Sets the largest payload to encode or decode, in bytes: in both dialects, with and
    /// without an acknowledgement, and without any header.
    #[must_use]
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// Sets the ids for ambiguous payloads, for reproducible bytes.
    #[must_use]
    pub fn ids(mut self, ids: MessageIds) -> Self {
        self.ids = ids;
        self
    }

    /// Sets how many headers a message may have, in both directions.
    #[must_use]
    pub fn header_limits(mut self, limits: HeaderLimits) -> Self {
        self.headers.limits = limits;
        self
    }

    /// Sets whether a message with headers is refused in the 2019 dialect, which has none. By
    /// default it is sent without them.
    #[must_use]
    pub fn require_headers(mut self, required: bool) -> Self {
        self.headers.required = required;
        self
    }

    /// Counts messages here that are sent without their headers, as the dialect has none.
    #[must_use]
    pub fn count_left_out(mut self, messages: Arc<AtomicU64>) -> Self {
        self.headers.left_out = Some(messages);
        self
    }

    /// Returns the dialect of the connection.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns the number of skipped frames of unknown type (v1 allows a peer to send such
    /// frames).
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Writes a frame without its payload, which must follow.
    ///
    /// # Errors
    ///
    /// When the payload or the headers are larger than the limit, when the dialect does not
    /// have the headers that it [requires](FrameCodec::require_headers), and when this version
    /// of the codec does not know the kind of frame. It then writes nothing.
    #[inline(always)]
    pub fn encode_head(&mut self, frame: &Frame, dst: &mut BytesMut) -> Result<(), Error> {
        let len = frame.payload().map_or(0, Bytes::len);
        // The second condition matters for a limit of about 4 GiB.
        if len > self.max_message || len > u32::MAX as usize - MAX_HEADER {
            return Err(too_large(len, self.max_message));
        }
        match self.dialect {
            Dialect::V1 => v1::encode_head(frame, len, &mut self.headers, dst),
            Dialect::V2019 => v2019::encode_head(frame, len, &mut self.ids, &mut self.headers, dst),
            dialect => Err(unknown_dialect(dialect)),
        }
    }

    /// How far behind the beginning of a frame its id begins, if it has one.
    pub(crate) fn id_from(&self) -> usize {
        match self.dialect {
            Dialect::V1 => v1::DATA_HEAD,
            _ => PREFIX,
        }
    }

    /// The total length of the frame at the start of `src`, if `src` has its length.
    ///
    /// # Errors
    ///
    /// When no frame of that length can hold a message within the limit.
    #[inline(always)]
    pub fn frame_len(&self, src: &[u8]) -> Result<Option<usize>, Error> {
        if self.passing > 0 {
            return Ok(None);
        }
        let Some(prefix) = src.first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let body = u32::from_be_bytes(*prefix) as usize;
        if body > self.max_message.saturating_add(MAX_HEADER)
            && !self.headers.may_be(src.get(PREFIX), body)
        {
            return Err(too_large(body, self.max_message));
        }
        Ok(Some(PREFIX + body))
    }

    /// Takes whole frames off the front of `src`, until the visitor stops. It does for many
    /// what [`Decoder::decode`] does for one. Returns whether the visitor wants more.
    ///
    /// # Errors
    ///
    /// As for [`Decoder::decode`]. The visitor has got the frames before the error, and the
    /// next call returns those behind it.
    #[inline(always)]
    pub fn decode_each<V: FrameVisitor>(
        &mut self,
        src: &mut BytesMut,
        visitor: &mut V,
    ) -> Result<ControlFlow<()>, Error> {
        self.pass(src);
        while let Some(len) = self.whole(src)? {
            // Most frames are of these kinds. Made in place, they are not moved.
            let broke = match v1::common(self.plain, src, len) {
                Some(Common::Data) => {
                    let payload = self.take_payload(src, len, v1::DATA_HEAD)?;
                    visitor.visit(Frame::Data {
                        payload,
                        target: Target::Any,
                    })
                }
                Some(Common::Request(id)) => {
                    let payload = self.take_payload(src, len, v1::REQUEST_HEAD)?;
                    request(visitor, id, payload)
                }
                Some(Common::Ack(id)) => {
                    src.advance(len);
                    ack(visitor, id)
                }
                None => match self.decode_body(take_body(src, len))? {
                    Some(frame) => apart(visitor, frame),
                    None => continue,
                },
            };
            if broke.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The payload of the first frame, behind a head of that length.
    #[inline(always)]
    fn take_payload(&self, src: &mut BytesMut, len: usize, head: usize) -> Result<Bytes, Error> {
        let mut payload = src.split_to(len).freeze();
        payload.advance(head);
        self.check_message(payload.len())?;
        Ok(payload)
    }

    #[inline(always)]
    fn check_message(&self, len: usize) -> Result<(), Error> {
        match len > self.max_message {
            true => Err(message_too_large(len, self.max_message)),
            false => Ok(()),
        }
    }

    /// The length of the first frame, if it is whole. The bytes of a frame over the limit
    /// are skipped from then on.
    #[inline(always)]
    fn whole(&mut self, src: &mut BytesMut) -> Result<Option<usize>, Error> {
        match self.frame_len(src) {
            Ok(Some(len)) if len <= src.len() => Ok(Some(len)),
            Ok(_) => {
                if !self.plain {
                    self.headers.wait();
                }
                Ok(None)
            }
            Err(error) => {
                self.begin_passing(src);
                Err(error)
            }
        }
    }

    #[cold]
    fn begin_passing(&mut self, src: &mut BytesMut) {
        if let Some(prefix) = src.first_chunk::<PREFIX>() {
            self.passing = u32::from_be_bytes(*prefix) as usize;
            self.untyped = self.dialect == Dialect::V1;
            src.advance(PREFIX);
        }
        self.pass(src);
    }

    #[cold]
    fn note_type(&mut self, src: &[u8]) {
        if let Some(&kind) = src.first() {
            self.untyped = false;
            self.headers.pass_over(kind);
            self.note_pending();
        }
    }

    fn note_pending(&mut self) {
        self.plain = self.dialect == Dialect::V1 && !self.headers.is_pending();
    }

    #[inline]
    fn pass(&mut self, src: &mut BytesMut) {
        if self.passing > 0 {
            if self.untyped {
                self.note_type(src);
            }
            let here = self.passing.min(src.len());
            src.advance(here);
            self.passing -= here;
        }
    }

    /// Returns whether the codec is skipping a frame over the limit.
    pub fn is_passing(&self) -> bool {
        self.passing > 0
    }

    /// `None` is a frame to skip.
    #[inline(never)]
    fn decode_body(&mut self, body: Bytes) -> Result<Option<Frame>, Error> {
        let kind = body.first().copied();
        let decoded = match self.dialect {
            Dialect::V1 => v1::decode(body, &mut self.headers),
            Dialect::V2019 => Ok(Decoded::Frame(v2019::decode(body))),
            dialect => return Err(unknown_dialect(dialect)),
        };
        if decoded.is_err() {
            self.headers.fail(kind);
        }
        self.note_pending();
        let frame = match decoded? {
            Decoded::Frame(frame) => frame,
            Decoded::Note => return Ok(None),
            Decoded::Skipped => {
                self.skipped += 1;
                return Ok(None);
            }
        };
        self.check_message(frame.payload().map_or(0, Bytes::len))?;
        Ok(Some(frame))
    }
}

/// The body of the first frame, which has this length.
#[inline(always)]
fn take_body(src: &mut BytesMut, len: usize) -> Bytes {
    let mut body = src.split_to(len).freeze();
    body.advance(PREFIX);
    body
}

// Each kind has its own copy of the visitor, in which the compiler knows the kind.

#[inline(never)]
fn request<V: FrameVisitor>(visitor: &mut V, id: MessageId, payload: Bytes) -> ControlFlow<()> {
    visitor.visit(Frame::Request { id, payload })
}

#[inline(never)]
fn ack<V: FrameVisitor>(visitor: &mut V, id: MessageId) -> ControlFlow<()> {
    visitor.visit(Frame::Ack { id })
}

/// Keeps rare cases out of the loop.
#[inline(never)]
fn apart(visitor: &mut dyn FrameVisitor, frame: Frame) -> ControlFlow<()> {
    visitor.visit(frame)
}

/// The id at the start of a body.
fn id_at(body: &[u8]) -> Option<MessageId> {
    body.first_chunk().copied().map(MessageId::from_bytes)
}

/// The core may learn of a kind of frame or of a dialect before this crate does.
#[cold]
fn unknown_frame() -> Error {
    Error::new(ErrorKind::Protocol).with_reason("the codec does not know this kind of frame")
}

#[cold]
fn unknown_dialect(dialect: Dialect) -> Error {
    Error::new(ErrorKind::Version).with_reason(format!("the codec does not know dialect {dialect}"))
}

#[cold]
fn too_large(len: usize, limit: usize) -> Error {
    Error::new(ErrorKind::TooLarge).with_reason(format!(
        "a frame of {len} bytes, where a message has at most {limit}"
    ))
}

#[cold]
fn message_too_large(len: usize, limit: usize) -> Error {
    Error::new(ErrorKind::TooLarge).with_reason(format!(
        "a message of {len} bytes, where it has at most {limit}"
    ))
}

impl Decoder for FrameCodec {
    type Item = Frame;
    type Error = Error;

    /// Takes one frame off the front of `src`. Payloads are split off, not copied. No room
    /// is reserved for missing bytes: a length is only a claim of the peer, and the reader
    /// decides how far to trust it.
    ///
    /// After an error the next call continues behind the faulty frame, which is not seen
    /// again, and costs no memory while its bytes come.
    #[inline]
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Frame>, Error> {
        self.pass(src);
        while let Some(len) = self.whole(src)? {
            let frame = match v1::common(self.plain, src, len) {
                Some(Common::Data) => Frame::Data {
                    payload: self.take_payload(src, len, v1::DATA_HEAD)?,
                    target: Target::Any,
                },
                _ => match self.decode_body(take_body(src, len))? {
                    Some(frame) => frame,
                    None => continue,
                },
            };
            return Ok(Some(frame));
        }
        Ok(None)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Frame>, Error> {
        match self.decode(src)? {
            Some(frame) => Ok(Some(frame)),
            None if src.is_empty() && self.passing == 0 => Ok(None),
            None => Err(Error::new(ErrorKind::Disconnected)
                .with_reason(format!("the stream ended {} bytes into a frame", src.len()))),
        }
    }
}

impl Encoder<Frame> for FrameCodec {
    type Error = Error;

    fn encode(&mut self, frame: Frame, dst: &mut BytesMut) -> Result<(), Error> {
        self.encode_head(&frame, dst)?;
        if let Some(payload) = frame.payload() {
            dst.put_slice(payload);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

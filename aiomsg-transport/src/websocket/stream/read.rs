//! Frames to bytes.

use std::io::Cursor;
use std::ops::Range;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use super::mask::Mask;
use crate::websocket::Role;
use crate::websocket::error::WebSocketError;

/// The longest header of a frame.
const MAX_HEADER: usize = 14;

/// As much is moved before it is unmasked.
const PIECE: usize = 8 * 1024;

/// The most payload of a control frame.
const MAX_CONTROL: usize = 125;

/// Takes the payload out of what a peer has sent, in any pieces.
#[derive(Debug)]
pub(super) struct Unframer {
    role: Role,
    /// The part of a header that has come.
    header: Vec<u8>,
    frame: Option<Frame>,
    /// Whether the frames of a message are coming.
    in_message: bool,
    /// The payload of a control frame, as far as it has come.
    control: Vec<u8>,
    closed: bool,
}

/// The frame whose payload is coming.
#[derive(Debug, Clone, Copy)]
struct Frame {
    kind: Kind,
    left: u64,
    mask: Option<Mask>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Data,
    Control(Control),
}

/// A control frame that wants an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A pong with this payload.
    Pong(Vec<u8>),
    /// A close frame with this code, when all is sent.
    Close(u16),
}

impl Unframer {
    pub(super) fn new(role: Role) -> Self {
        Self {
            role,
            header: Vec::new(),
            frame: None,
            in_message: false,
            control: Vec::new(),
            closed: false,
        }
    }

    /// Whether the peer has sent a close frame. What follows it is ignored.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Moves the payload within these bytes to their front, and returns its length. The
    /// headers between are dropped, and control frames go to `asked`. When the peer breaks
    /// the protocol, the payload before that is good.
    pub(super) fn unframe(
        &mut self,
        bytes: &mut [u8],
        asked: &mut impl FnMut(Asked),
    ) -> (usize, Result<(), WebSocketError>) {
        let mut payload = 0;
        let result = self.unframe_to(bytes, &mut payload, asked);
        (payload, result)
    }

    fn unframe_to(
        &mut self,
        bytes: &mut [u8],
        written: &mut usize,
        asked: &mut impl FnMut(Asked),
    ) -> Result<(), WebSocketError> {
        let mut read = 0;
        while read < bytes.len() && !self.closed {
            let Some(frame) = &mut self.frame else {
                read += self.take_header(&bytes[read..])?;
                // A frame may be empty.
                self.end_frame(asked)?;
                continue;
            };
            let left = usize::try_from(frame.left).unwrap_or(usize::MAX);
            let end = read + left.min(bytes.len() - read);
            match frame.kind {
                Kind::Data => {
                    take_payload(bytes, read..end, *written, frame.mask.as_mut());
                    *written += end - read;
                }
                Kind::Control(_) => {
                    let start = self.control.len();
                    self.control.extend_from_slice(&bytes[read..end]);
                    if let Some(mask) = &mut frame.mask {
                        mask.apply(&mut self.control[start..]);
                    }
                }
            }
            frame.left -= (end - read) as u64;
            read = end;
            self.end_frame(asked)?;
        }
        Ok(())
    }

    /// Takes bytes of a header, and returns how many.
    fn take_header(&mut self, bytes: &[u8]) -> Result<usize, WebSocketError> {
        let before = self.header.len();
        let take = bytes.len().min(MAX_HEADER - before);
        self.header.extend_from_slice(&bytes[..take]);
        let mut cursor = Cursor::new(&self.header);
        let parsed = FrameHeader::parse(&mut cursor);
        let end = usize::try_from(cursor.position()).unwrap_or(MAX_HEADER);
        let Some((header, len)) = parsed.map_err(|_| broken("a frame has a reserved opcode"))?
        else {
            return Ok(take);
        };
        self.header.clear();
        self.frame = Some(self.frame_of(&header, len)?);
        Ok(end - before)
    }

    fn frame_of(&mut self, header: &FrameHeader, len: u64) -> Result<Frame, WebSocketError> {
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(broken("a frame has a reserved bit set"));
        }
        match (self.role, header.mask) {
            (Role::Server, None) => return Err(broken("a frame of a client is not masked")),
            (Role::Client, Some(_)) => return Err(broken("a frame of a server is masked")),
            _ => {}
        }
        if len > i64::MAX as u64 {
            return Err(broken("a frame is too long"));
        }
        let kind = match header.opcode {
            OpCode::Control(control) => {
                if !header.is_final || len > MAX_CONTROL as u64 {
                    return Err(broken("a control frame is fragmented or too long"));
                }
                Kind::Control(control)
            }
            OpCode::Data(Data::Binary) if !self.in_message => Kind::Data,
            OpCode::Data(Data::Continue) if self.in_message => Kind::Data,
            OpCode::Data(Data::Text) => {
                return Err(WebSocketError::Broken {
                    code: CloseCode::Unsupported.into(),
                    reason: "the peer sent a text message",
                });
            }
            OpCode::Data(_) => return Err(broken("the fragments of a message are in disorder")),
        };
        if kind == Kind::Data {
            self.in_message = !header.is_final;
        }
        Ok(Frame {
            kind,
            left: len,
            mask: header.mask.map(Mask::new),
        })
    }

    /// Ends the frame, if all of it has come.
    fn end_frame(&mut self, asked: &mut impl FnMut(Asked)) -> Result<(), WebSocketError> {
        let Some(Frame { kind, left: 0, .. }) = self.frame else {
            return Ok(());
        };
        self.frame = None;
        match kind {
            Kind::Control(Control::Ping) => {
                asked(Asked::Pong(std::mem::take(&mut self.control)));
            }
            Kind::Control(Control::Close) => {
                self.closed = true;
                asked(Asked::Close(close_code(&self.control)?));
            }
            Kind::Control(_) | Kind::Data => self.control.clear(),
        }
        Ok(())
    }
}

/// Moves payload to the front, and unmasks it, piece by piece: each is still in the cache when it
/// is unmasked. Payload that is at its place already is not moved.
fn take_payload(bytes: &mut [u8], from: Range<usize>, mut to: usize, mut mask: Option<&mut Mask>) {
    let mut start = from.start;
    while start < from.end {
        let end = from.end.min(start + PIECE);
        if start != to {
            bytes.copy_within(start..end, to);
        }
        let moved = to + (end - start);
        if let Some(mask) = &mut mask {
            mask.apply(&mut bytes[to..moved]);
        }
        (start, to) = (end, moved);
    }
}

/// The code to answer a close frame with: its own.
fn close_code(payload: &[u8]) -> Result<u16, WebSocketError> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => Ok(CloseCode::Normal.into()),
            _ => Err(broken("a close frame has half a code")),
        };
    };
    let code = u16::from_be_bytes(*code);
    match CloseCode::from(code).is_allowed() && std::str::from_utf8(reason).is_ok() {
        true => Ok(code),
        false => Err(broken("a close frame has no valid code or reason")),
    }
}

fn broken(reason: &'static str) -> WebSocketError {
    WebSocketError::Broken {
        code: CloseCode::Protocol.into(),
        reason,
    }
}

#[cfg(test)]
mod tests;

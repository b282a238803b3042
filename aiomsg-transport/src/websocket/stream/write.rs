//! Bytes to frames.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use bytes::{BufMut, BytesMut};
use tokio::io::AsyncWrite;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::mask::Mask;
use crate::websocket::Role;
use crate::websocket::buffer::poll_write_all;

/// The most payload of a frame that we send: 64 KiB. At most one frame waits to be written.
const MAX_FRAME: usize = 64 * 1024;

/// An idle stream keeps no more memory than this.
const IDLE: usize = 4 * 1024;

/// Writes frames, through a buffer: they are masked in it, and a frame is begun only when all
/// of its payload is at hand.
#[derive(Debug)]
pub(super) struct Framer {
    role: Role,
    out: BytesMut,
    /// The answer to the last ping. Earlier ones need none (RFC 6455, section 5.5.3).
    pong: Option<Vec<u8>>,
    closed: bool,
}

impl Framer {
    pub(super) fn new(role: Role) -> Self {
        Self {
            role,
            out: BytesMut::new(),
            pong: None,
            closed: false,
        }
    }

    /// Whether a close frame was sent. Nothing may follow it.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn pong(&mut self, payload: Vec<u8>) {
        self.pong = Some(payload);
    }

    /// Sends a close frame, once.
    pub(super) fn close(&mut self, code: u16) {
        if !std::mem::replace(&mut self.closed, true) {
            // A ping that came before is answered before.
            self.answer();
            self.frame(
                OpCode::Control(Control::Close),
                &[IoSlice::new(&code.to_be_bytes())],
                2,
            );
        }
    }

    /// Takes some of these bytes, and returns how many.
    pub(super) fn poll_push(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(self.poll_drain(io, cx))?;
        let len = bytes.iter().map(|it| it.len()).sum::<usize>();
        let len = len.min(MAX_FRAME);
        if len > 0 {
            self.frame(OpCode::Data(Data::Binary), bytes, len);
        }
        match self.poll_drain(io, cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // The rest is written by the next call, or by a flush.
            _ => Poll::Ready(Ok(len)),
        }
    }

    /// Writes all that waits.
    pub(super) fn poll_drain(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(poll_write_all(io, cx, &mut self.out))?;
            if self.closed || self.pong.is_none() {
                break;
            }
            // Nothing waits before the answer.
            self.answer();
        }
        if self.out.capacity() > IDLE {
            self.out = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Answers the last ping.
    fn answer(&mut self) {
        if let Some(payload) = self.pong.take() {
            let len = payload.len();
            self.frame(
                OpCode::Control(Control::Pong),
                &[IoSlice::new(&payload)],
                len,
            );
        }
    }

    /// Appends a frame with the first `len` of these bytes.
    fn frame(&mut self, opcode: OpCode, bytes: &[IoSlice<'_>], len: usize) {
        let mask = (self.role == Role::Client).then(Mask::random);
        let header = FrameHeader {
            opcode,
            mask: mask.map(Mask::key),
            ..FrameHeader::default()
        };
        let whole = header.len(len as u64) + len;
        self.out.reserve(whole);
        let mut out = (&mut self.out).writer();
        // Memory takes all that is written.
        let _ = header.format(len as u64, &mut out);
        let start = self.out.len();
        let mut left = len;
        for piece in bytes {
            let piece = &piece[..left.min(piece.len())];
            self.out.extend_from_slice(piece);
            left -= piece.len();
        }
        if let Some(mut mask) = mask {
            mask.apply(&mut self.out[start..]);
        }
    }
}

#[cfg(test)]
mod tests;

//! Bytes to frames.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWrite;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::mask::Mask;
use super::spare;
use crate::websocket::Role;
use crate::websocket::buffer::poll_write_all;

/// The most payload of a frame that we send. It is about what a connection gathers for one
/// write. At most one frame waits to be written.
const MAX_FRAME: usize = 144 * 1024;

/// The longest header of a frame.
const MAX_HEADER: usize = 14;

/// As much is copied before it is masked.
const PIECE: usize = 8 * 1024;

/// The most pieces of a frame that are written from where they are, its header included.
const SLICES: usize = 65;

/// Writes frames.
///
/// Payload counts as taken when the connection below has taken it, as without WebSocket. The
/// length of a frame is fixed by its header, so a frame of which a part was taken is kept, and
/// the writer goes on with the bytes behind that part.
///
/// A server writes its payload from where it is, and copies only the rest of a frame of which
/// a part was taken. A client masks its payload, and so copies it.
#[derive(Debug)]
pub(super) struct Framer {
    role: Role,
    /// The rest of a frame that has begun, and control frames.
    out: BytesMut,
    /// How many bytes of `out`, at its end, are control frames behind that frame.
    behind: usize,
    /// How much payload of that frame the writer does not know to be taken.
    unreported: usize,
    /// The answer to the last ping. Earlier ones need none (RFC 6455, section 5.5.3).
    pong: Option<Vec<u8>>,
    closed: bool,
}

impl Framer {
    pub(super) fn new(role: Role) -> Self {
        Self {
            role,
            out: BytesMut::new(),
            behind: 0,
            unreported: 0,
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
            self.control(Control::Close, &code.to_be_bytes());
        }
    }

    /// Writes some of these bytes, and returns how many. When a frame has begun, they are to
    /// begin with the rest of it.
    pub(super) fn poll_push(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let offered = bytes.iter().map(|it| it.len()).sum::<usize>();
        if offered == 0 {
            return Poll::Ready(Ok(0));
        }
        if self.unreported == 0 {
            if self.closed {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            ready!(self.poll_drain(io, cx))?;
            ready!(self.poll_begin(io, cx, bytes))?;
        }
        loop {
            let taken = self.report(offered);
            if taken > 0 {
                return Poll::Ready(Ok(taken));
            }
            // One write at a time: what it has taken is told before the next one may fail.
            let written = ready!(Pin::new(&mut *io).poll_write(cx, &self.out))?;
            self.wrote(written)?;
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
        spare::give_back(&mut self.out);
        Poll::Ready(Ok(()))
    }

    /// Begins a frame of these bytes, if the connection takes a part of it.
    fn poll_begin(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<()>> {
        let mut parts = [IoSlice::new(&[]); SLICES];
        let (mut len, mut count) = (0, 1);
        for (part, bytes) in parts[1..].iter_mut().zip(bytes) {
            let bytes = &bytes[..bytes.len().min(MAX_FRAME - len)];
            *part = IoSlice::new(bytes);
            len += bytes.len();
            count += 1;
        }
        let mask = (self.role == Role::Client).then(Mask::random);
        let mut space = [0; MAX_HEADER];
        let header = header(&mut space, OpCode::Data(Data::Binary), mask, len);
        parts[0] = IoSlice::new(header);
        let parts = &parts[..count];
        self.behind = 0;
        if mask.is_none() && io.is_write_vectored() {
            let written = ready!(Pin::new(io).poll_write_vectored(cx, parts))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unreported = len;
            self.keep_rest(parts, written);
            return Poll::Ready(Ok(()));
        }
        self.keep_rest(&parts[..1], 0);
        self.keep_masked(&parts[1..], mask);
        match Pin::new(io).poll_write(cx, &self.out) {
            Poll::Ready(Ok(written)) => {
                self.unreported = len;
                Poll::Ready(self.wrote(written))
            }
            // It has not begun: the next call may have other bytes.
            other => {
                self.out.clear();
                spare::give_back(&mut self.out);
                other.map_ok(|_| ())
            }
        }
    }

    /// Keeps what is behind the first `written` bytes.
    fn keep_rest(&mut self, parts: &[IoSlice<'_>], mut written: usize) {
        for part in parts {
            let rest = part.get(written..).unwrap_or_default();
            written -= written.min(part.len());
            if !rest.is_empty() {
                spare::take(&mut self.out);
                self.out.extend_from_slice(rest);
            }
        }
    }

    /// Keeps payload, masked piece by piece: each is still in the cache when it is masked.
    fn keep_masked(&mut self, parts: &[IoSlice<'_>], mut mask: Option<Mask>) {
        let len: usize = parts.iter().map(|it| it.len()).sum();
        spare::take(&mut self.out);
        self.out.reserve(len);
        for piece in parts.iter().flat_map(|part| part.chunks(PIECE)) {
            let start = self.out.len();
            self.out.extend_from_slice(piece);
            if let Some(mask) = &mut mask {
                mask.apply(&mut self.out[start..]);
            }
        }
    }

    /// The connection has taken so many bytes of `out`.
    fn wrote(&mut self, written: usize) -> io::Result<()> {
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.out.advance(written);
        if self.out.is_empty() {
            spare::give_back(&mut self.out);
        }
        Ok(())
    }

    /// Returns how many of so many bytes that are offered were taken.
    fn report(&mut self, offered: usize) -> usize {
        let waiting = self.out.len().saturating_sub(self.behind);
        let taken = self.unreported - self.unreported.min(waiting);
        let taken = taken.min(offered);
        self.unreported -= taken;
        taken
    }

    /// Answers the last ping.
    fn answer(&mut self) {
        if let Some(payload) = self.pong.take() {
            self.control(Control::Pong, &payload);
        }
    }

    /// Puts a control frame behind what waits.
    fn control(&mut self, opcode: Control, payload: &[u8]) {
        let before = self.out.len();
        let mask = (self.role == Role::Client).then(Mask::random);
        let mut space = [0; MAX_HEADER];
        let header = header(&mut space, OpCode::Control(opcode), mask, payload.len());
        self.out.extend_from_slice(header);
        self.keep_masked(&[IoSlice::new(payload)], mask);
        self.behind += self.out.len() - before;
    }
}

/// Writes the header of a frame into this space.
fn header(space: &mut [u8; MAX_HEADER], opcode: OpCode, mask: Option<Mask>, len: usize) -> &[u8] {
    let header = FrameHeader {
        opcode,
        mask: mask.map(Mask::key),
        ..FrameHeader::default()
    };
    // There is room for the longest.
    let _ = header.format(len as u64, &mut &mut space[..]);
    &space[..header.len(len as u64)]
}

#[cfg(test)]
mod tests;

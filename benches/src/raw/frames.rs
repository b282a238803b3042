//! Frames in blocks: a length of 4 bytes, a byte for the type, the payload.

use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::drive::{Inlet, Outlet};
use crate::library::{Failure, Outcome};

/// How much is written at once.
pub(super) const BLOCK: usize = 64 << 10;

/// How much is read at once.
pub(super) const READ: usize = 128 << 10;

/// Payloads from here on are written from where they are, several at once: up to
/// here, copying is cheaper.
const LARGE: usize = 4 << 10;

/// The length and the type byte.
pub(super) const HEADER: usize = 5;

/// The type byte of a message in dialect v1 of aiomsg.
const DATA: u8 = 3;

/// All of a frame but its payload.
#[inline]
pub(super) fn header(payload: usize) -> [u8; HEADER] {
    let [a, b, c, d] = (payload as u32 + 1).to_be_bytes();
    [a, b, c, d, DATA]
}

/// The length of the first frame in all, when that can be seen.
#[inline]
pub(super) fn frame_len(buffer: &[u8]) -> Option<usize> {
    let prefix = buffer.first_chunk::<4>()?;
    Some(4 + u32::from_be_bytes(*prefix) as usize)
}

/// Adds a frame to a block. `true`: it is time to write.
#[inline]
pub(super) fn push(block: &mut Vec<u8>, payload: &[u8]) -> bool {
    block.extend_from_slice(&header(payload.len()));
    block.extend_from_slice(payload);
    block.len() >= BLOCK
}

/// What waits to be written by one writer: headers and small payloads in a block, and large
/// payloads between them.
pub(super) struct Unwritten {
    block: Vec<u8>,
    /// Large payloads, and how much of the block is before each.
    large: Vec<(usize, Bytes)>,
    bytes: usize,
}

impl Unwritten {
    pub(super) fn new() -> Self {
        Self {
            block: Vec::with_capacity(2 * BLOCK),
            large: Vec::new(),
            bytes: 0,
        }
    }

    /// Adds a frame. `true`: it is time to write.
    #[inline]
    pub(super) fn push(&mut self, payload: Bytes) -> bool {
        if payload.len() < LARGE {
            push(&mut self.block, &payload);
        } else {
            self.block.extend_from_slice(&header(payload.len()));
            self.bytes += payload.len();
            self.large.push((self.block.len(), payload));
        }
        self.bytes + self.block.len() >= BLOCK
    }

    /// The block, if that is all.
    pub(super) fn only_block(&self) -> Option<&[u8]> {
        self.large.is_empty().then_some(&self.block)
    }

    /// All of it, in order.
    pub(super) fn slices(&self) -> Vec<IoSlice<'_>> {
        let mut slices = Vec::with_capacity(2 * self.large.len() + 1);
        let mut begin = 0;
        for (end, payload) in &self.large {
            slices.push(IoSlice::new(&self.block[begin..*end]));
            slices.push(IoSlice::new(payload));
            begin = *end;
        }
        if begin < self.block.len() {
            slices.push(IoSlice::new(&self.block[begin..]));
        }
        slices
    }

    pub(super) fn clear(&mut self) {
        self.block.clear();
        self.large.clear();
        self.bytes = 0;
    }
}

/// Writes frames in blocks.
pub(super) struct Writer<W> {
    io: W,
    unwritten: Unwritten,
}

impl<W> Writer<W> {
    pub(super) fn new(io: W) -> Self {
        Self {
            io,
            unwritten: Unwritten::new(),
        }
    }
}

impl<W: AsyncWrite + Send + Unpin + 'static> Outlet for Writer<W> {
    #[inline]
    async fn send(&mut self, message: Bytes) -> Outcome {
        if self.unwritten.push(message) {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Outcome {
        if let Some(block) = self.unwritten.only_block() {
            self.io.write_all(block).await?;
        } else {
            let mut slices = self.unwritten.slices();
            let mut rest = slices.as_mut_slice();
            while !rest.is_empty() {
                let written = self.io.write_vectored(rest).await?;
                if written == 0 {
                    return Err(Failure::new("the connection takes no more"));
                }
                IoSlice::advance_slices(&mut rest, written);
            }
        }
        self.unwritten.clear();
        Ok(self.io.flush().await?)
    }
}

/// Reads blocks, and splits frames off them.
pub(super) struct Reader<R> {
    io: R,
    buffer: BytesMut,
}

impl<R> Reader<R> {
    pub(super) fn new(io: R) -> Self {
        let buffer = BytesMut::with_capacity(READ);
        Self { io, buffer }
    }
}

impl<R: AsyncRead + Send + Unpin + 'static> Inlet for Reader<R> {
    type Message = Bytes;

    #[inline]
    async fn recv(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if let Some(frame) = split(&mut self.buffer) {
                return Ok(Some(frame));
            }
            make_room(&mut self.buffer);
            if self.io.read_buf(&mut self.buffer).await? == 0 {
                return Err(Failure::new("the connection ended"));
            }
        }
    }

    fn has_more(&self) -> bool {
        frame_len(&self.buffer).is_some_and(|len| len <= self.buffer.len())
    }
}

/// Takes the first frame, if all of it is there.
#[inline]
pub(super) fn split(buffer: &mut BytesMut) -> Option<Bytes> {
    let len = frame_len(buffer)?;
    if buffer.len() < len {
        return None;
    }
    let mut frame = buffer.split_to(len).freeze();
    frame.advance(HEADER);
    Some(frame)
}

/// Makes room for the next read: a new block when little is left of this one.
pub(super) fn make_room(buffer: &mut BytesMut) {
    let missing = frame_len(buffer).map_or(0, |len| len.saturating_sub(buffer.len()));
    if buffer.capacity() - buffer.len() < missing.max(READ / 4) {
        buffer.reserve(missing.max(READ));
    }
}

/// Both ends of a connection.
pub(super) struct Both<S> {
    reader: Reader<tokio::io::ReadHalf<S>>,
    writer: Writer<tokio::io::WriteHalf<S>>,
}

impl<S: AsyncRead + AsyncWrite> Both<S> {
    pub(super) fn new(stream: S) -> Self {
        let (read, write) = tokio::io::split(stream);
        Self {
            reader: Reader::new(read),
            writer: Writer::new(write),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + 'static> Inlet for Both<S> {
    type Message = Bytes;

    async fn recv(&mut self) -> Result<Option<Bytes>, Failure> {
        self.reader.recv().await
    }

    fn has_more(&self) -> bool {
        self.reader.has_more()
    }
}

impl<S: AsyncRead + AsyncWrite + Send + 'static> Outlet for Both<S> {
    async fn send(&mut self, message: Bytes) -> Outcome {
        self.writer.send(message).await
    }

    async fn flush(&mut self) -> Outcome {
        self.writer.flush().await
    }
}

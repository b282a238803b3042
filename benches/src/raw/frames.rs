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

/// Large frames that are to be written at once.
#[derive(Default)]
pub(super) struct Large {
    frames: Vec<([u8; HEADER], Bytes)>,
    bytes: usize,
}

impl Large {
    /// Adds a frame. `true`: it is time to write.
    pub(super) fn push(&mut self, payload: Bytes) -> bool {
        self.bytes += payload.len();
        self.frames.push((header(payload.len()), payload));
        self.bytes >= BLOCK
    }

    pub(super) fn slices(&self) -> Vec<IoSlice<'_>> {
        let slices = self.frames.iter();
        slices
            .flat_map(|(header, payload)| [IoSlice::new(header), IoSlice::new(payload)])
            .collect()
    }

    pub(super) fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }
}

/// What waits to be written by one writer, whose frames are either all small or
/// all large.
pub(super) struct Unwritten {
    pub(super) block: Vec<u8>,
    pub(super) large: Large,
}

impl Unwritten {
    pub(super) fn new() -> Self {
        Self {
            block: Vec::with_capacity(2 * BLOCK),
            large: Large::default(),
        }
    }

    /// Adds a frame. `true`: it is time to write.
    #[inline]
    pub(super) fn push(&mut self, payload: Bytes) -> bool {
        match payload.len() >= LARGE {
            true => self.large.push(payload),
            false => push(&mut self.block, &payload),
        }
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
        let Unwritten { block, large } = &mut self.unwritten;
        self.io.write_all(block).await?;
        block.clear();
        let mut slices = large.slices();
        let mut rest = slices.as_mut_slice();
        while !rest.is_empty() {
            let written = self.io.write_vectored(rest).await?;
            if written == 0 {
                return Err(Failure::new("the connection takes no more"));
            }
            IoSlice::advance_slices(&mut rest, written);
        }
        large.clear();
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
}

impl<S: AsyncRead + AsyncWrite + Send + 'static> Outlet for Both<S> {
    async fn send(&mut self, message: Bytes) -> Outcome {
        self.writer.send(message).await
    }

    async fn flush(&mut self) -> Outcome {
        self.writer.flush().await
    }
}

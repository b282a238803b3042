//! Frames in blocks: a length of 4 bytes, a byte for the type, the payload.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::drive::{Inlet, Outlet};
use crate::library::{Failure, Outcome};

/// How much is written at once.
pub(super) const BLOCK: usize = 64 << 10;

/// How much is read at once.
pub(super) const READ: usize = 128 << 10;

/// Payloads from here on are written from where they are: up to here, copying
/// is cheaper.
pub(super) const LARGE: usize = 16 << 10;

/// The length and the type byte.
pub(super) const HEADER: usize = 5;

/// The type byte of a message in dialect v1 of aiomsg.
const DATA: u8 = 3;

/// Writes all of a frame but its payload.
#[inline]
pub(super) fn put_header(block: &mut Vec<u8>, payload: usize) {
    block.extend_from_slice(&(payload as u32 + 1).to_be_bytes());
    block.push(DATA);
}

/// The length of the first frame in all, when that can be seen.
#[inline]
pub(super) fn frame_len(buffer: &[u8]) -> Option<usize> {
    let prefix = buffer.first_chunk::<4>()?;
    Some(4 + u32::from_be_bytes(*prefix) as usize)
}

/// Writes frames in blocks.
pub(super) struct Writer<W> {
    io: W,
    block: Vec<u8>,
}

impl<W> Writer<W> {
    pub(super) fn new(io: W) -> Self {
        let block = Vec::with_capacity(BLOCK + LARGE + HEADER);
        Self { io, block }
    }
}

impl<W: AsyncWrite + Send + Unpin + 'static> Outlet for Writer<W> {
    #[inline]
    async fn send(&mut self, message: Bytes) -> Outcome {
        put_header(&mut self.block, message.len());
        if message.len() >= LARGE {
            let mut both = Buf::chain(self.block.as_slice(), message);
            self.io.write_all_buf(&mut both).await?;
            self.block.clear();
            return Ok(());
        }
        self.block.extend_from_slice(&message);
        if self.block.len() >= BLOCK {
            self.io.write_all(&self.block).await?;
            self.block.clear();
        }
        Ok(())
    }

    async fn flush(&mut self) -> Outcome {
        self.io.write_all(&self.block).await?;
        self.block.clear();
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

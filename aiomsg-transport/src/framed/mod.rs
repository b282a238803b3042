//! A connection: bytes as a sink and stream of frames.
//!
//! ```text
//!  start_send ─▶ head and small payload are copied ─▶ write buffer ┐
//!             └▶ a large payload is chained, not copied ───────────┴▶ one (vectored) write
//!
//!  read ─▶ a block of the thread's ┬▶ much: frames split off the block ─────────────┐
//!      │                           └▶ little: copied into a buffer of just that size ┴▶ frames
//!      └▶ the rest of a large frame goes straight into its own buffer ───────────────┘
//! ```
//!
//! Messages share the buffer that they were read into, up to a bound for each thread:
//! beyond it small ones are copied, so that none of them holds a large buffer alone.
//! An idle connection holds no buffer at all, in either direction.

mod blocks;
mod connection;
mod copies;
mod incomplete;
mod ledger;
mod on_way;
mod read;
mod spare;
mod write;

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::link::{SendQueue, Wire};
use aiomsg_core::{Error, Frame, Link};
use bytes::BytesMut;
use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::Decoder;

use crate::codec::FrameCodec;
use crate::io::explain;
pub use incomplete::IncompleteFrames;
use read::ReadBuffer;
use write::WriteBuffer;

/// A connection after its handshake: a [`Sink`] and [`Stream`] of [`Frame`]s, and the
/// [`Connection`](aiomsg_core::Connection) that layers wrap, which moves many frames in
/// one call.
///
/// What `tokio_util`'s `Framed` does, and three things more: large payloads
/// are not copied on their way out, buffers exist only while there is
/// something in them, and a [`Link`] tells how many bytes passed and, once the
/// connection is dropped, which frames never left.
///
/// After an error the stream ends, unless it [goes on](Framed::go_on).
///
/// ```
/// use aiomsg_core::{Dialect, Frame};
/// use aiomsg_transport::codec::FrameCodec;
/// use aiomsg_transport::framed::Framed;
/// use futures::{SinkExt, StreamExt};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg_core::Error> {
/// let (ours, theirs) = tokio::io::duplex(1024);
/// let mut ours = Framed::new(ours, FrameCodec::new(Dialect::V1));
/// let mut theirs = Framed::new(theirs, FrameCodec::new(Dialect::V1));
/// ours.send(Frame::data("hello")).await?;
/// assert_eq!(theirs.next().await.unwrap()?, Frame::data("hello"));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Framed<T> {
    // Dropped before `io`.
    out: Out,
    read: ReadBuffer,
    /// How much was in it when that was last looked at: less is there only when whole
    /// frames were taken out.
    filled: usize,
    ended: bool,
    /// A frame that is wrong is not the end.
    goes_on: bool,
    /// The caller had its turn between two reads of a frame that is passed over.
    paused: bool,
    io: T,
}

/// What leaves unsent frames in the [`Link`] at the end.
#[derive(Debug)]
struct Out {
    codec: FrameCodec,
    link: Link,
    write: WriteBuffer,
}

impl<T> Framed<T> {
    /// A connection over `io`, in the codec's dialect.
    pub fn new(io: T, codec: FrameCodec) -> Self {
        Self::with_received(io, codec, BytesMut::new())
    }

    /// A connection of which some bytes behind the handshake are here
    /// already.
    pub fn with_received(io: T, codec: FrameCodec, received: BytesMut) -> Self {
        Self {
            out: Out {
                codec,
                link: Link::new(),
                write: WriteBuffer::default(),
            },
            filled: received.len(),
            read: ReadBuffer::new(received),
            ended: false,
            goes_on: false,
            paused: true,
            io,
        }
    }

    /// Says that what takes our bytes, as TLS does, may hold them back until
    /// it is flushed: a frame has then left when a flush is done, and not when
    /// its bytes are taken.
    #[must_use]
    pub fn buffered_below(mut self, buffered: bool) -> Self {
        self.out.write.buffered_below = buffered;
        self
    }

    /// Goes on with the next frame after one that is wrong, or over the limit: for a
    /// caller that ends in good order after an error, or wants not to end. A frame to
    /// be sent that is over the limit is no error then, and is left in the [`Link`]
    /// as [refused](Link::take_refused).
    #[must_use]
    pub fn go_on(mut self) -> Self {
        self.goes_on = true;
        self.out.write.refuses = true;
        self
    }

    /// Counts large frames that have begun to come among these. Without it they are
    /// bounded by the limits of the codec, each by itself.
    #[must_use]
    pub fn incomplete(mut self, frames: IncompleteFrames) -> Self {
        self.read.incomplete = Some(frames);
        self
    }

    /// Counts the bytes on the wire by this, and not those of the stream.
    #[must_use]
    pub fn over(mut self, wire: Wire) -> Self {
        self.out.link = self.out.link.clone().over(wire);
        self
    }

    /// Lets the [`Link`] report the sent bytes that the system still holds.
    #[must_use]
    pub fn send_queue(mut self, queue: impl Into<Option<SendQueue>>) -> Self {
        if let Some(queue) = queue.into() {
            self.out.link = self.out.link.clone().with_send_queue(queue);
        }
        self
    }

    /// The view of the wire that stays valid when layers wrap the connection.
    pub fn link(&self) -> Link {
        self.out.link.clone()
    }

    /// The stream of bytes below.
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// The stream of bytes below, to be used before the first frame only.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.io
    }

    /// Replaces the stream of bytes by one that goes on where it is.
    pub fn map_io<U>(self, map: impl FnOnce(T) -> U) -> Framed<U> {
        Framed {
            out: self.out,
            read: self.read,
            filled: self.filled,
            ended: self.ended,
            goes_on: self.goes_on,
            paused: self.paused,
            io: map(self.io),
        }
    }

    /// The codec.
    pub fn codec(&self) -> &FrameCodec {
        &self.out.codec
    }
}

impl<T: AsyncRead + Unpin> Stream for Framed<T> {
    type Item = Result<Frame, Error>;

    // Inline, with what is done for each read apart: there may be a thousand
    // frames in one, each of which would be moved once for each layer.
    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        // decode ──▶ a frame: return it
        //   ▲   └──▶ not enough bytes ──▶ read ──▶ end of stream: return None
        //   └───────────── some bytes ◀────┘
        loop {
            if !this.ended {
                match this.out.codec.decode(&mut this.read.bytes) {
                    Ok(Some(frame)) if this.read.copied_below() == 0 => {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    Ok(Some(frame)) => {
                        let copied = copies::copy(frame, this.read.copied_below());
                        return Poll::Ready(Some(Ok(copied)));
                    }
                    Ok(None) => {}
                    Err(error) => return this.wrong(error),
                }
            }
            match ready!(this.poll_read(cx)) {
                Some(Ok(())) => {}
                Some(Err(error)) => return this.fail(error),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<T> Framed<T> {
    #[cold]
    fn fail<F>(&mut self, error: Error) -> Poll<Option<Result<F, Error>>> {
        self.ended = true;
        Poll::Ready(Some(Err(error)))
    }

    /// A frame is wrong.
    #[cold]
    fn wrong<F>(&mut self, error: Error) -> Poll<Option<Result<F, Error>>> {
        self.ended = !self.goes_on;
        self.out.link.set_passing(self.out.codec.is_passing());
        Poll::Ready(Some(Err(error)))
    }
}

impl<T: AsyncRead + Unpin> Framed<T> {
    /// Reads some bytes. `None`: there are no more.
    #[inline(never)]
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<(), Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let left = self.read.bytes.len();
        if left < std::mem::replace(&mut self.filled, left) && !self.out.codec.is_passing() {
            self.out.link.note_frames();
        }
        if self.out.link.is_passing() {
            self.out.link.set_passing(self.out.codec.is_passing());
            if !std::mem::replace(&mut self.paused, true) {
                // How much of it is passed over is for the caller to say.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.paused = false;
        }
        Poll::Ready(
            match ready!(
                self.read
                    .poll_fill(&mut self.io, cx, &self.out.codec, &self.out.link)
            ) {
                Ok(0) => {
                    self.ended = true;
                    // The rest is no whole frame.
                    self.out
                        .codec
                        .decode_eof(&mut self.read.bytes)
                        .err()
                        .map(Err)
                }
                Ok(bytes) => {
                    self.filled = self.read.bytes.len();
                    self.out.link.add_received(bytes);
                    Some(Ok(()))
                }
                Err(error) => Some(Err(error)),
            },
        )
    }
}

impl<T: AsyncWrite + Unpin> Sink<Frame> for Framed<T> {
    type Error = Error;

    #[inline]
    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        if this.out.write.has_room() {
            return Poll::Ready(Ok(()));
        }
        if this.out.write.buffered_below {
            return Pin::new(this).poll_flush(cx);
        }
        this.out.write.poll_drain(&mut this.io, cx, &this.out.link)
    }

    #[inline]
    fn start_send(self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        let this = self.get_mut();
        this.out
            .write
            .push(&mut this.out.codec, &this.out.link, frame)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        ready!(this.out.write.poll_drain(&mut this.io, cx, &this.out.link))?;
        ready!(Pin::new(&mut this.io).poll_flush(cx)).map_err(explain)?;
        this.out.write.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.as_mut().poll_flush(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx).map_err(explain)
    }
}

/// Leaves the frames that never left in the [`Link`].
impl Drop for Out {
    fn drop(&mut self) {
        let unconfirmed = self.write.take_unconfirmed(&self.codec);
        self.link.put_unconfirmed(unconfirmed);
        if self.write.is_cut() {
            self.link.set_cut();
        }
        self.link.put_unsent(self.write.take_unsent(&self.codec));
    }
}

#[cfg(test)]
mod batch_tests;
#[cfg(test)]
mod block_tests;
#[cfg(test)]
mod shared_tests;
#[cfg(test)]
mod tests;

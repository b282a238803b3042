//! One end of a connection, as a byte stream.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use aiomsg::parts::vocabulary::link::{SendQueue, Wire};

use super::held::Held;
use super::link::{Link, Read};
use super::lock;

/// One end of a connection. Dropped, it is closed, or reset if there is
/// something in it that was not read, as systems do.
pub(crate) struct End {
    link: Arc<Mutex<Link>>,
    side: usize,
    vectored: bool,
    timer: Pin<Box<Sleep>>,
    /// What TLS has taken, if there is any.
    held: Option<Held>,
    /// Of so many flushes one is not done; 0: all are.
    loses_one_in: usize,
    flushes: usize,
}

impl End {
    pub(crate) fn new(link: Arc<Mutex<Link>>, side: usize, vectored: bool) -> Self {
        let timer = Box::pin(sleep_until(Instant::now()));
        let held = lock(&link).tls.then(Held::default);
        Self {
            link,
            side,
            vectored,
            timer,
            held,
            loses_one_in: 0,
            flushes: 0,
        }
    }

    /// One flush of so many is said to be done, and is not.
    pub(super) fn loses_one_in(mut self, flushes: usize) -> Self {
        self.loses_one_in = flushes;
        self
    }

    /// What counts the bytes below TLS, if there is TLS.
    pub(super) fn wire(&self) -> Option<Wire> {
        self.held.as_ref().map(|held| held.wire.clone())
    }

    /// What the system says of what was sent by this end.
    pub(super) fn send_queue(&self) -> SendQueue {
        let (link, side) = (Arc::clone(&self.link), self.side);
        SendQueue::new(move || Some(lock(&link).pipes[side].under_way() as u64))
    }

    fn flush(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let Some(held) = &mut self.held else {
            return Poll::Ready(Ok(()));
        };
        self.flushes += 1;
        let loses = self.loses_one_in > 0 && self.flushes.is_multiple_of(self.loses_one_in);
        held.flush(&mut lock(&self.link), self.side, loses, cx)
    }

    fn take(&mut self, bytes: &[u8], cx: &Context<'_>) -> Poll<io::Result<usize>> {
        let mut link = lock(&self.link);
        match &mut self.held {
            Some(held) => held.write(&mut link, self.side, bytes, cx),
            None => link.write(self.side, bytes, cx),
        }
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let read = lock(&this.link).read(this.side, buf.initialize_unfilled(), cx);
            match read {
                Read::Done(result) => {
                    if let (Some(held), Ok(count)) = (&this.held, &result) {
                        held.wire.add_received(*count);
                    }
                    return Poll::Ready(result.map(|count| buf.advance(count)));
                }
                Read::Wait(None) => return Poll::Pending,
                Read::Wait(Some(at)) => {
                    this.timer.as_mut().reset(at);
                    ready!(this.timer.as_mut().poll(cx));
                }
            }
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.take(bytes, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.flush(cx))?;
        lock(&self.link).finish(self.side);
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let most = lock(&self.link).pipes[self.side].weather.largest_write;
        let bytes = slices.iter().flat_map(|slice| slice.iter().copied());
        let bytes: Vec<u8> = bytes.take(most).collect();
        self.take(&bytes, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }
}

impl Drop for End {
    fn drop(&mut self) {
        lock(&self.link).leave(self.side);
    }
}

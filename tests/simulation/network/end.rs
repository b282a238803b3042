//! One end of a connection, as a byte stream.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::link::{Link, Read};
use super::lock;

/// One end of a connection. Dropped, it is closed, or reset if there is
/// something in it that was not read, as systems do.
pub(crate) struct End {
    link: Arc<Mutex<Link>>,
    side: usize,
    vectored: bool,
    timer: Pin<Box<Sleep>>,
}

impl End {
    pub(crate) fn new(link: Arc<Mutex<Link>>, side: usize, vectored: bool) -> Self {
        let timer = Box::pin(sleep_until(Instant::now()));
        Self {
            link,
            side,
            vectored,
            timer,
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
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        lock(&self.link).write(self.side, bytes, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.link).finish(self.side);
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut link = lock(&self.link);
        let most = link.pipes[self.side].weather.largest_write;
        let bytes = slices.iter().flat_map(|slice| slice.iter().copied());
        let bytes: Vec<u8> = bytes.take(most).collect();
        link.write(self.side, &bytes, cx)
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

//! A connection on which we presented no certificate, until the peer's first
//! byte.
//!
//! In TLS 1.3 the connecting end has finished before the other end looks for
//! its certificate. A server that demands one says so by an alert and closes;
//! where bytes of ours are on the way by then, the connection is reset and the
//! alert is lost. What is left is an end before the first byte.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Tells why a connection may have ended, where it ends before the first byte.
#[derive(Debug)]
pub(crate) struct Unpresented<S> {
    stream: S,
    /// No certificate was presented, and the peer has said nothing yet.
    waits: bool,
}

/// In place of an error that does not tell.
#[derive(Debug)]
pub(super) struct MayBeDemanded;

impl<S> Unpresented<S> {
    pub(super) fn new(stream: S, presents: bool) -> Self {
        let waits = !presents;
        Self { stream, waits }
    }

    fn explained(&self, error: io::Error) -> io::Error {
        use io::ErrorKind as Io;
        let ends = matches!(
            error.kind(),
            Io::UnexpectedEof | Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe
        );
        match self.waits && ends {
            true => io::Error::new(error.kind(), MayBeDemanded),
            false => error,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unpresented<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match ready!(Pin::new(&mut self.stream).poll_read(cx, buf)) {
            Ok(()) => {
                self.waits &= buf.filled().len() == before;
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(self.explained(error))),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unpresented<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = ready!(Pin::new(&mut self.stream).poll_write(cx, buf));
        Poll::Ready(wrote.map_err(|error| self.explained(error)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs));
        Poll::Ready(wrote.map_err(|error| self.explained(error)))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        Poll::Ready(flushed.map_err(|error| self.explained(error)))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl fmt::Display for MayBeDemanded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the peer closed the connection right after tls, before it said anything: it may \
             demand a certificate, and we presented none; set one with TlsConfig::builder()\
             .certificate_files(..)",
        )
    }
}

impl std::error::Error for MayBeDemanded {}

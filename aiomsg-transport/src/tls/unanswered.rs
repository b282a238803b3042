//! A connection of the connecting end, until the peer's first byte.
//!
//! In TLS 1.3 the connecting end finishes before the other end verifies its certificate. A
//! server that misses a certificate, or does not trust it, sends an alert and closes. If
//! bytes of ours are under way by then, the connection is reset and the alert is lost. Some
//! servers send no alert. The remaining sign is an end before the first byte.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::asked::Asked;

/// Explains the end of a connection before the first byte.
#[derive(Debug)]
pub(crate) struct Unanswered<S> {
    stream: S,
    /// [`Asked::No`] once the peer has sent something.
    asked: Asked,
}

/// The error in place of an unspecific one.
#[derive(Debug, Clone, Copy)]
pub(super) enum MayBe {
    /// The server demands a certificate, and we have none.
    Demanded,
    /// The server does not trust ours.
    Refused,
}

impl MayBe {
    /// An end, with the probable reason.
    pub(super) fn explain(error: io::Error, asked: Asked) -> io::Error {
        use io::ErrorKind as Io;
        let ends = matches!(
            error.kind(),
            Io::UnexpectedEof | Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe
        );
        match asked {
            Asked::InVain if ends => io::Error::new(error.kind(), Self::Demanded),
            Asked::Presented if ends => io::Error::new(error.kind(), Self::Refused),
            _ => error,
        }
    }
}

impl<S> Unanswered<S> {
    pub(super) fn new(stream: S, asked: Asked) -> Self {
        Self { stream, asked }
    }

    fn explained<T>(&self, outcome: io::Result<T>) -> io::Result<T> {
        outcome.map_err(|error| MayBe::explain(error, self.asked))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unanswered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        if buf.filled().len() > before {
            self.asked = Asked::No;
        }
        Poll::Ready(self.explained(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unanswered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = ready!(Pin::new(&mut self.stream).poll_write(cx, buf));
        Poll::Ready(self.explained(wrote))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs));
        Poll::Ready(self.explained(wrote))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        Poll::Ready(self.explained(flushed))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl fmt::Display for MayBe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peer closed the connection right after tls, before it said anything: ")?;
        f.write_str(match self {
            Self::Demanded => "it may demand a certificate, and we presented none",
            Self::Refused => "it may not trust the certificate that we presented",
        })
    }
}

impl std::error::Error for MayBe {}

//! Connected peers and their connections.

use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::{
    Certificate, Connection, Dialect, Endpoint, Error, Frame, FrameSource, FrameVisitor,
    Identified, Identity, Link,
};
use aiomsg_transport::framed::Framed;
use aiomsg_transport::{Io, RemoteAddr, TlsInfo};
use futures_core::Stream;
use futures_sink::Sink;

/// A peer and its connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PeerInfo {
    /// The identity that the peer has chosen.
    pub identity: Identity,
    /// The endpoint that we listen at, or that we dialled.
    pub endpoint: Endpoint,
    /// The address of the peer.
    pub remote: RemoteAddr,
    /// The dialect of the connection.
    pub dialect: Dialect,
    /// What TLS has found out about the peer, on a TLS connection.
    pub tls: Option<TlsInfo>,
    /// Whether this end dialled.
    pub dialled: bool,
}

impl PeerInfo {
    /// Returns the certificate that the peer has presented: `None` without TLS, and if
    /// this end demands none.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.tls.as_ref()?.peer_certificate.as_ref()
    }
}

/// The innermost connection of a socket, which the layers of
/// [`SocketBuilder::connection_layer`](crate::SocketBuilder::connection_layer) wrap.
///
/// It is a [`Connection`] that knows [its peer](Identified), and a [`Sink`] and
/// [`Stream`] of frames for layers that need these.
#[derive(Debug)]
pub struct PeerConnection {
    framed: Framed<Io>,
    info: PeerInfo,
}

impl PeerConnection {
    pub(crate) fn new(framed: Framed<Io>, info: PeerInfo) -> Self {
        Self { framed, info }
    }

    /// Returns the peer.
    pub fn info(&self) -> &PeerInfo {
        &self.info
    }

    /// Returns the link below, which counts the bytes that have passed and that wait.
    pub fn link(&self) -> Link {
        self.framed.link()
    }
}

impl Identified for PeerConnection {
    fn identity(&self) -> &Identity {
        &self.info.identity
    }
}

impl Stream for PeerConnection {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.framed).poll_next(cx)
    }
}

impl Sink<Frame> for PeerConnection {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.framed).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        Pin::new(&mut self.framed).start_send(frame)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.framed).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.framed).poll_close(cx)
    }
}

impl Connection for PeerConnection {
    #[inline(always)]
    fn poll_recv<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        self.framed.poll_recv(cx, visitor)
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        self.framed.poll_ended(cx)
    }

    #[inline(always)]
    fn poll_send<S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        self.framed.poll_send(cx, source)
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Connection::poll_flush(&mut self.framed, cx)
    }

    #[inline]
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Connection::poll_close(&mut self.framed, cx)
    }
}

//! The connection that the layers of a user wrap.

use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::connection::FrameStream;
use aiomsg_core::{
    Connection, Error, Frame, FrameSource, FrameVisitor, Identified, Identity, Link,
};
use aiomsg_transport::Io;
use aiomsg_transport::framed::Framed;
use futures_core::Stream;
use futures_sink::Sink;

use super::erased::Erased;
use super::peer::PeerInfo;

/// The connection of a socket that the layers of
/// [`SocketBuilder::connection_layer`](crate::SocketBuilder::connection_layer) wrap: the
/// innermost one, or the layers that were added later around it.
///
/// It is a [`Connection`] that knows [its peer](Identified), and a [`Sink`] and
/// [`Stream`] of frames for layers that need these.
#[derive(Debug)]
pub struct PeerConnection {
    inner: Inner,
    info: PeerInfo,
    link: Link,
}

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "most connections have one layer, and a box would cost each of its batches"
)]
enum Inner {
    Framed(Framed<Io>),
    /// Layers whose type is erased.
    Layered(FrameStream<Erased>),
}

impl PeerConnection {
    pub(crate) fn new(framed: Framed<Io>, info: PeerInfo) -> Self {
        Self {
            link: framed.link(),
            inner: Inner::Framed(framed),
            info,
        }
    }

    /// Puts a layer around the connection, and erases its type.
    pub(crate) fn layered<C>(self, layer: impl FnOnce(Self) -> C) -> Self
    where
        C: Connection + 'static,
    {
        let (info, link) = (self.info.clone(), self.link.clone());
        Self {
            inner: Inner::Layered(FrameStream::new(Erased::new(layer(self)))),
            info,
            link,
        }
    }

    /// Returns the peer.
    pub fn info(&self) -> &PeerInfo {
        &self.info
    }

    /// Returns the link below, which counts the bytes that have passed and that wait.
    pub fn link(&self) -> Link {
        self.link.clone()
    }
}

impl Identified for PeerConnection {
    fn identity(&self) -> &Identity {
        &self.info.identity
    }
}

/// Does the same with either.
macro_rules! either {
    ($this:expr, $inner:ident => $do:expr) => {
        match &mut $this.inner {
            Inner::Framed($inner) => $do,
            Inner::Layered($inner) => $do,
        }
    };
}

impl Stream for PeerConnection {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        either!(self, inner => Pin::new(inner).poll_next(cx))
    }
}

impl Sink<Frame> for PeerConnection {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        either!(self, inner => Pin::new(inner).poll_ready(cx))
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        either!(self, inner => Pin::new(inner).start_send(frame))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        either!(self, inner => Pin::new(inner).poll_flush(cx))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        either!(self, inner => Pin::new(inner).poll_close(cx))
    }
}

impl Connection for PeerConnection {
    #[inline(always)]
    fn poll_recv<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        match &mut self.inner {
            Inner::Framed(framed) => framed.poll_recv(cx, visitor),
            Inner::Layered(layered) => layered.get_mut().poll_recv(cx, visitor),
        }
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        match &mut self.inner {
            Inner::Framed(framed) => framed.poll_ended(cx),
            Inner::Layered(layered) => layered.get_mut().poll_ended(cx),
        }
    }

    #[inline(always)]
    fn poll_send<S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        match &mut self.inner {
            Inner::Framed(framed) => framed.poll_send(cx, source),
            Inner::Layered(layered) => layered.get_mut().poll_send(cx, source),
        }
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match &mut self.inner {
            Inner::Framed(framed) => Connection::poll_flush(framed, cx),
            Inner::Layered(layered) => layered.get_mut().poll_flush(cx),
        }
    }

    #[inline]
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match &mut self.inner {
            Inner::Framed(framed) => Connection::poll_close(framed, cx),
            Inner::Layered(layered) => layered.get_mut().poll_close(cx),
        }
    }
}

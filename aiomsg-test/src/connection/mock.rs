use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aiomsg_core::connection::OneByOne;
use aiomsg_core::{Connection, Error, Frame, FrameSource, FrameVisitor, Identified, Identity};
use futures_core::Stream;
use futures_sink::Sink;

use super::Shared;
use crate::identity;

/// A connection for the layer under test. See the [module](super) for how it
/// behaves, and [`pair`](super::pair) for how to get one.
#[derive(Debug)]
pub struct MockConnection {
    shared: Arc<Shared>,
    identity: Identity,
}

impl MockConnection {
    /// How many frames it takes that have not left, unless
    /// [`set_room`](super::ConnectionHandle::set_room) says otherwise: 1,024.
    pub const ROOM: usize = 1024;

    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            identity: Identity::from(*b"the mocked peer."),
        }
    }

    /// Sets whose connection it is. Unless it is set, all mocks belong to the
    /// same peer.
    ///
    /// ```
    /// use aiomsg_core::Identified;
    ///
    /// let (connection, peer) = aiomsg_test::connection::pair();
    /// let connection = connection.with_identity("alice");
    /// assert_eq!(connection.identity().as_bytes(), b"alice");
    /// ```
    ///
    /// # Panics
    ///
    /// When the identity is empty or longer than [`Identity::MAX_LEN`].
    #[must_use]
    #[track_caller]
    pub fn with_identity(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.identity = identity(bytes);
        self
    }
}

impl Identified for MockConnection {
    fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl Stream for MockConnection {
    type Item = Result<Frame, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let shared = &self.shared;
        shared.lock().incoming.poll_next(&shared.link, cx)
    }
}

/// # Panics
///
/// `start_send` panics unless `poll_ready` was ready since the last frame, and
/// after `poll_close` was called.
impl Sink<Frame> for MockConnection {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared
            .wake_watchers(|outgoing, link| outgoing.poll_ready(link, cx))
    }

    #[track_caller]
    fn start_send(self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        self.shared.lock().outgoing.start_send(frame)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared
            .wake_watchers(|outgoing, link| outgoing.poll_flush(link, cx))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared
            .wake_watchers(|outgoing, link| outgoing.poll_close(link, cx))
    }
}

/// As its sink and its stream do, one frame at a time.
impl Connection for MockConnection {
    fn poll_recv<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        OneByOne::new(self).poll_recv(cx, visitor)
    }

    fn poll_send<S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        OneByOne::new(self).poll_send(cx, source)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        OneByOne::new(self).poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        OneByOne::new(self).poll_close(cx)
    }
}

/// Leaves the frames that never left in the [`Link`](aiomsg_core::Link).
impl Drop for MockConnection {
    fn drop(&mut self) {
        self.shared
            .wake_watchers(|outgoing, link| link.put_unsent(outgoing.drop()));
    }
}

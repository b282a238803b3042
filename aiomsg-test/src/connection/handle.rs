use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use aiomsg_core::{Error, Frame, Link};

use super::Shared;

/// The other side of a [`MockConnection`](super::MockConnection): the peer,
/// and the wire.
///
/// Clones are handles of the same connection, for tests that play the peer in
/// a task of its own. When all are dropped, the connection goes on as it was
/// told to.
#[derive(Clone)]
pub struct ConnectionHandle(Arc<Shared>);

/// What the layer reads.
impl ConnectionHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Gives the layer a frame to read.
    ///
    /// Its bytes are counted in the [`Link`] when the stream is polled next, as
    /// a read would count them.
    ///
    /// # Panics
    ///
    /// After [`receive_error`](Self::receive_error) or [`end`](Self::end).
    #[track_caller]
    pub fn receive(&self, frame: Frame) {
        self.assert_open();
        self.0.wake_reader(|incoming| incoming.push(frame));
    }

    /// Lets bytes come that make no frame whole. They wake the layer and are
    /// counted in the [`Link`], and there is still nothing to yield.
    ///
    /// # Panics
    ///
    /// After [`receive_error`](Self::receive_error) or [`end`](Self::end).
    #[track_caller]
    pub fn receive_bytes(&self, bytes: usize) {
        self.assert_open();
        self.0.wake_reader(|incoming| incoming.push_bytes(bytes));
    }

    /// Lets reading fail, once the frames that are there are read. The stream
    /// ends behind the error.
    ///
    /// # Panics
    ///
    /// When the stream was failed or ended before.
    #[track_caller]
    pub fn receive_error(&self, error: impl Into<Error>) {
        self.assert_open();
        self.0.wake_reader(|incoming| incoming.fail(error.into()));
    }

    /// Ends the stream, once the frames that are there are read: the peer has
    /// closed the connection in good order.
    ///
    /// # Panics
    ///
    /// When the stream was failed or ended before.
    #[track_caller]
    pub fn end(&self) {
        self.assert_open();
        self.0.wake_reader(super::Incoming::end);
    }

    #[track_caller]
    fn assert_open(&self) {
        let open = self.0.lock().incoming.is_open();
        assert!(open, "nothing comes behind the end of a stream");
    }
}

/// What the layer may send.
impl ConnectionHandle {
    /// Sets how many frames the connection takes that have not left.
    ///
    /// When the last place is taken, the connection lets frames leave without
    /// being flushed, as far as the peer takes them: so room alone holds nobody
    /// back, unless it is 0. Together with [`block_flush`](Self::block_flush)
    /// it does.
    ///
    /// ```
    /// use aiomsg_core::Frame;
    /// use futures::{FutureExt, SinkExt};
    ///
    /// let (mut connection, peer) = aiomsg_test::connection::pair();
    /// peer.set_room(2);
    /// peer.block_flush();
    /// assert!(connection.feed(Frame::data("1")).now_or_never().is_some());
    /// assert!(connection.feed(Frame::data("2")).now_or_never().is_some());
    /// assert!(connection.feed(Frame::data("3")).now_or_never().is_none());
    /// peer.unblock_flush();
    /// assert!(connection.feed(Frame::data("3")).now_or_never().is_some());
    /// assert_eq!(peer.take_sent(), [Frame::data("1"), Frame::data("2")]);
    /// ```
    pub fn set_room(&self, frames: usize) {
        self.0.wake_writer(|outgoing| outgoing.room = frames);
    }

    /// Lets `poll_ready` be pending, whatever room there is.
    pub fn block_ready(&self) {
        self.0.lock().outgoing.ready_blocked = true;
    }

    /// Takes [`block_ready`](Self::block_ready) back.
    pub fn unblock_ready(&self) {
        self.0
            .wake_writer(|outgoing| outgoing.ready_blocked = false);
    }

    /// Lets the peer take nothing: what is sent stays, and a flush of it is
    /// pending.
    pub fn block_flush(&self) {
        self.0.lock().outgoing.block();
    }

    /// Takes [`block_flush`](Self::block_flush) back: the peer takes
    /// everything.
    pub fn unblock_flush(&self) {
        self.0.wake_writer(super::Outgoing::unblock);
    }

    /// Lets a peer that [takes nothing](Self::block_flush) take as many bytes,
    /// at the next flush: whole frames, and part of the frame behind them. On a
    /// connection that is not blocked it changes nothing.
    ///
    /// ```
    /// use aiomsg_core::Frame;
    /// use futures::{FutureExt, SinkExt};
    ///
    /// let (mut connection, peer) = aiomsg_test::connection::pair();
    /// peer.block_flush();
    /// assert!(connection.send(Frame::data("hello")).now_or_never().is_none());
    /// // Four bytes of length, one of type, and the payload.
    /// peer.allow_bytes(9);
    /// assert!(connection.flush().now_or_never().is_none());
    /// assert_eq!((peer.link().sent(), peer.link().waiting()), (9, 1));
    /// peer.allow_bytes(1);
    /// assert!(connection.flush().now_or_never().is_some());
    /// ```
    pub fn allow_bytes(&self, bytes: usize) {
        self.0.wake_writer(|outgoing| outgoing.allow(bytes));
    }

    /// Lets sending fail: whatever of `poll_ready`, `poll_flush` and
    /// `poll_close` is called next has this error, and all that is called
    /// later one of kind [`Disconnected`](aiomsg_core::ErrorKind).
    pub fn fail_sends(&self, error: impl Into<Error>) {
        let error = error.into();
        self.0.wake_watchers(|outgoing, _| outgoing.fail(error));
        self.0.wake_writer(|_| {});
    }
}

/// What the layer has sent.
impl ConnectionHandle {
    /// Waits for the next frame on the wire, and takes it. `None` says that
    /// no more can follow: the connection is closed, dropped or has failed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes no frame.
    pub async fn next_sent(&self) -> Option<Frame> {
        poll_fn(|cx| self.poll_sent(cx)).await
    }

    /// [`next_sent`](Self::next_sent) for who polls by hand.
    pub fn poll_sent(&self, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        self.0.lock().outgoing.poll_sent(cx)
    }

    /// Takes the next frame that is on the wire now.
    pub fn try_sent(&self) -> Option<Frame> {
        self.0.lock().outgoing.try_sent()
    }

    /// Takes all frames that are on the wire now, the oldest first.
    pub fn take_sent(&self) -> Vec<Frame> {
        self.0.lock().outgoing.take_sent()
    }

    /// The frames that were given to the connection and have not left, the
    /// oldest first. Of the first some bytes may have.
    ///
    /// Once the connection is dropped they are in the link, for
    /// [`Link::take_unsent`].
    pub fn unflushed(&self) -> Vec<Frame> {
        self.0.lock().outgoing.unflushed()
    }

    /// Whether all frames that were given to the connection have left.
    pub fn is_flushed(&self) -> bool {
        self.0.lock().outgoing.is_flushed()
    }

    /// Whether the layer has closed the connection in good order, with
    /// everything flushed, or dropped it.
    pub fn is_closed(&self) -> bool {
        self.0.lock().outgoing.is_closed()
    }

    /// Whether the layer has dropped the connection.
    pub fn is_dropped(&self) -> bool {
        self.0.lock().outgoing.is_dropped()
    }

    /// The connection's view of its bytes, for layers that ask for one. It is
    /// kept by the connection; what a test adds itself comes on top.
    pub fn link(&self) -> Link {
        self.0.link.clone()
    }
}

impl fmt::Debug for ConnectionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionHandle")
            .field("link", &self.0.link)
            .finish_non_exhaustive()
    }
}

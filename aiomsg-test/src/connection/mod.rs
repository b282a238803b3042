//! A mock connection: the test plays the peer and the wire.
//!
//! ```text
//!            ┌─ next ──────────────┐                       ┌─ receive ◀─┐
//!  the layer ┤                     ├ MockConnection ─ wire ┤            ├ the test
//!            └─ feed ─▶ flush ─────┘                       └─ sent ─────┘
//! ```
//!
//! It behaves as the connection of a socket does, where a layer could tell:
//!
//! - A frame that was given to it is on the wire once it is flushed, or once
//!   its place is needed. Before that it is among
//!   [`unflushed`](ConnectionHandle::unflushed).
//! - It takes no more frames than it has room for, and no more bytes leave
//!   than the peer takes. Tasks that wait for either are woken.
//! - It counts bytes in its [`Link`], those of dialect v1,
//!   and leaves there what never left when it is dropped.
//! - After an error or the end the stream has ended for good, and after an
//!   error the sink fails for good.
//!
//! It is stricter than that where a layer that breaks the contract of [`Sink`]
//! would be found out only now and then: `start_send` panics unless
//! `poll_ready` was ready just before, once for each frame, and after
//! `poll_close`.
//!
//! [`Sink`]: futures_sink::Sink

mod handle;
mod incoming;
mod mock;
mod outgoing;

use std::sync::Arc;

use aiomsg_core::sync::{Mutex, MutexGuard};
use aiomsg_core::{Dialect, Frame, Link};
use aiomsg_transport::codec::FrameCodec;

pub use handle::ConnectionHandle;
pub use mock::MockConnection;

use incoming::Incoming;
use outgoing::Outgoing;

/// A connection for the layer under test, and the handle of the other side.
///
/// There is nothing to read yet, room for [`MockConnection::ROOM`] frames, and
/// a peer that takes everything.
///
/// ```
/// use aiomsg_core::Frame;
/// use aiomsg_test::connection;
/// use futures::{FutureExt, SinkExt, StreamExt};
///
/// let (mut connection, peer) = connection::pair();
/// peer.receive(Frame::data("ping"));
/// let read = connection.next().now_or_never().flatten();
/// assert_eq!(read.unwrap().unwrap(), Frame::data("ping"));
///
/// connection.send(Frame::data("pong")).now_or_never().unwrap().unwrap();
/// assert_eq!(peer.try_sent(), Some(Frame::data("pong")));
/// ```
pub fn pair() -> (MockConnection, ConnectionHandle) {
    let shared = Arc::new(Shared {
        link: Link::new(),
        state: Mutex::new(State {
            incoming: Incoming::new(),
            outgoing: Outgoing::new(),
        }),
    });
    let handle = ConnectionHandle::new(Arc::clone(&shared));
    (MockConnection::new(shared), handle)
}

#[derive(Debug)]
struct Shared {
    link: Link,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    incoming: Incoming,
    outgoing: Outgoing,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A broken contract panics before it changes anything.
        self.state.lock()
    }

    /// Does something that may let the layer go on reading.
    fn wake_reader(&self, change: impl FnOnce(&mut Incoming)) {
        let mut state = self.lock();
        change(&mut state.incoming);
        let waker = state.incoming.reader.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Does something that may let the layer go on sending.
    fn wake_writer(&self, change: impl FnOnce(&mut Outgoing)) {
        let mut state = self.lock();
        change(&mut state.outgoing);
        let waker = state.outgoing.writer.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Does something that the test may be waiting for.
    fn wake_watchers<R>(&self, change: impl FnOnce(&mut Outgoing, &Link) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state.outgoing, &self.link);
        let woken = state.outgoing.take_watchers();
        drop(state);
        woken.wake();
        result
    }
}

/// A codec as a connection has one, and nothing to write to: the mock knows
/// how many bytes a frame has, and which frames cannot be sent.
fn codec() -> FrameCodec {
    FrameCodec::new(Dialect::V1)
}

/// How many bytes a frame has on the wire.
fn frame_len(codec: &mut FrameCodec, frame: &Frame) -> Result<usize, aiomsg_core::Error> {
    let mut head = bytes::BytesMut::new();
    codec.encode_head(frame, &mut head)?;
    Ok(head.len() + frame.payload().map_or(0, bytes::Bytes::len))
}

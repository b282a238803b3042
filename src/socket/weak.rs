//! A handle that does not keep its socket alive.

use std::fmt;
use std::sync::{Arc, Weak};

use super::sink::Outgoing;
use super::{Inner, Socket};
use crate::engine::stack::StandardSend;

/// A handle on a socket that does not keep it alive, as tokio's
/// [`WeakSender`](tokio::sync::mpsc::WeakSender) does not keep a channel open.
///
/// A collector of metrics or a task of upkeep holds one. When the last [`Socket`] is dropped,
/// the socket ends as [documented](Socket) there, and [`upgrade`](Self::upgrade) returns
/// `None` from then on.
///
/// ```
/// use aiomsg::Socket;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
/// let socket = Socket::new()?;
/// let weak = socket.downgrade();
/// assert_eq!(weak.upgrade().map(|it| it.stats().peers), Some(0));
///
/// drop(socket);
/// assert!(weak.upgrade().is_none());
/// # Ok(()) }
/// ```
pub struct WeakSocket<S = StandardSend>(Weak<Inner<S>>);

impl<S> Socket<S> {
    /// Returns a handle that does not keep the socket alive.
    pub fn downgrade(&self) -> WeakSocket<S> {
        WeakSocket(Arc::downgrade(&self.inner))
    }
}

impl<S> WeakSocket<S> {
    /// Returns a handle on the socket, or `None` if its last one has been dropped. A socket
    /// that is closed and has a handle left is returned.
    ///
    /// The returned handle keeps the socket alive until it is dropped.
    pub fn upgrade(&self) -> Option<Socket<S>> {
        Some(Socket {
            inner: self.0.upgrade()?,
            outgoing: Outgoing::default(),
        })
    }
}

/// A clone is another such handle on the same socket.
impl<S> Clone for WeakSocket<S> {
    fn clone(&self) -> Self {
        Self(Weak::clone(&self.0))
    }
}

impl<S> fmt::Debug for WeakSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSocket").finish_non_exhaustive()
    }
}

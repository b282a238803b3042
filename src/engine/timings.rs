//! How long things take in a socket, for a listener.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aiomsg_core::Dialect;
use aiomsg_layers::shared::{catch, note};
use tokio::time::Instant;

use super::Engine;

/// Hears how long things take in a socket: see
/// [`Socket::on_timings`](crate::Socket::on_timings).
///
/// The methods are called in the tasks of the socket, without a lock, and must not block. A
/// panic of one is logged, and costs nothing else.
pub trait Timings: Send + Sync + 'static {
    /// A peer has sent its identity. The time includes connecting, TLS, and the layers of the
    /// dial or accept path, once these are ready. `dialled` says whether this end has dialled.
    fn handshake(&self, time: Duration, dialled: bool, dialect: Dialect) {
        let _ = (time, dialled, dialect);
    }

    /// Under at-least-once, a peer has acknowledged this number of messages, all of which had
    /// first left on a connection this time ago.
    fn acknowledged(&self, time: Duration, messages: usize) {
        let _ = (time, messages);
    }

    /// The handler of [`Socket::serve`](crate::Socket::serve) has handled a message, or failed
    /// on it.
    fn handled(&self, time: Duration) {
        let _ = time;
    }
}

/// The listener of a socket, if there is one: without it, an event costs one branch, and the
/// clock is not read.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<OnceLock<Arc<dyn Timings>>>);

/// The beginning of something, if anybody listens.
#[derive(Clone, Copy)]
pub(crate) struct Started(Option<Instant>);

impl Clock {
    pub(crate) fn start(&self) -> Started {
        Started(self.0.get().map(|_| Instant::now()))
    }

    /// Reports the time since `started`.
    pub(crate) fn report(&self, started: Started, tell: impl FnOnce(&dyn Timings, Duration)) {
        if let (Some(listener), Started(Some(started))) = (self.0.get(), started) {
            guarded(|| tell(&**listener, started.elapsed()));
        }
    }
}

impl Engine {
    /// Sets the listener, and returns whether it is the first one.
    pub(crate) fn on_timings(&self, listener: Arc<dyn Timings>) -> bool {
        if self.clock.0.set(Arc::clone(&listener)).is_err() {
            return false;
        }
        if let Some(unacked) = &self.unacked {
            unacked.on_acknowledged(move |time, messages| listener.acknowledged(time, messages));
        }
        true
    }
}

fn guarded(call: impl FnOnce()) {
    if let Err(panicked) = catch("the listener of timings", call) {
        note(&panicked);
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock")
            .field(&self.0.get().is_some())
            .finish()
    }
}

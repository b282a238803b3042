//! The listener of how long things take.

use std::sync::Arc;

use super::Socket;
use crate::stats::Timings;

impl<S> Socket<S> {
    /// Sets the listener of how long things take: handshakes, acknowledgements, handlers.
    /// Returns whether it is the first one: a socket has one listener, for as long as it is
    /// there, and a later one is dropped. Without a listener, no clock is read.
    ///
    /// `SocketMetrics` of the feature `metrics` is one, which records histograms.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// use aiomsg::Socket;
    /// use aiomsg::stats::Timings;
    ///
    /// struct Slow;
    ///
    /// impl Timings for Slow {
    ///     fn handled(&self, time: Duration) {
    ///         if time > Duration::from_secs(1) {
    ///             eprintln!("a message took {time:?}");
    ///         }
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// let socket = Socket::new()?;
    /// assert!(socket.on_timings(Arc::new(Slow)));
    /// assert!(!socket.on_timings(Arc::new(Slow)), "there is one already");
    /// # Ok(()) }
    /// ```
    pub fn on_timings(&self, listener: Arc<dyn Timings>) -> bool {
        self.engine().on_timings(listener)
    }
}

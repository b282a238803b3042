//! Waiting until everything is sent.

use std::time::Duration;

use tokio::time::timeout;

use super::Socket;
use super::deadline::{bounded, keep, until};
use crate::close::DrainReport;

impl<S> Socket<S> {
    /// Waits until no message waits any more, for a deadline at most. The socket stays open.
    ///
    /// A message waits until a connection has taken it and given it to the system and,
    /// under at-least-once, until it is acknowledged. [`close`](Socket::close) does not wait
    /// for a peer that is not there; this does: for the first peer, for one that reconnects,
    /// and for the peers of addressed messages. Messages that are sent meanwhile count, too.
    ///
    /// The report counts the messages that still wait at the deadline, or when the socket
    /// has closed meanwhile: those that `close` has returned, too. It is clean if there are none. A dropped message does not wait;
    /// [`Event::Dropped`](crate::Event::Dropped) reports it. Under at-most-once, a sent
    /// message may not be read yet: `close` afterwards waits for that.
    ///
    /// ```
    /// use aiomsg::Socket;
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// let socket = Socket::new()?;
    /// socket.connect("mem://drain-doc")?;
    /// socket.send("for a receiver that comes later").await?;
    /// # let receiver = Socket::new()?;
    /// # receiver.bind("mem://drain-doc").await?;
    /// let report = socket.drain(Duration::from_secs(10)).await;
    /// if !report.is_clean() {
    ///     eprintln!("{} messages still wait", report.messages());
    /// }
    /// # assert!(report.is_clean());
    /// let report = socket.close(Duration::from_secs(5)).await;
    /// assert!(report.is_clean());
    /// # Ok(()) }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call changes nothing.
    pub async fn drain(&self, deadline: Duration) -> DrainReport {
        let engine = self.engine();
        let before = engine.leftover.reported();
        // Nothing moves any more in a socket that has ended.
        let done = || engine.stop.is_cancelled() || !engine.anything_waits();
        if !done() {
            // What is left at the deadline is in the report.
            let draining = async { timeout(bounded(deadline), until(done)).await };
            let _ = keep(engine, deadline, draining).await;
        }
        let (unsent, unacknowledged) = engine.leftover.reported();
        let waiting = engine.waiting();
        DrainReport {
            unsent: waiting.unsent + unsent - before.0,
            unacknowledged: waiting.unacknowledged + unacknowledged - before.1,
        }
    }
}

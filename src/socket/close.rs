//! Closing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use aiomsg_layers::session::Inbox;
use tokio::time::{Instant, timeout, timeout_at};

use super::Socket;
use super::deadline::{bounded, keep, until};
use crate::close::CloseReport;
use crate::engine::Engine;

/// The time for a peer that knows our identity to send its own, usually a round trip. A
/// silent peer holds up a close no longer.
const GREETING: Duration = Duration::from_secs(1);

impl<S> Socket<S> {
    /// Closes the socket, for all its handles, within a deadline.
    ///
    /// The socket refuses new sends and stops listening and connecting. It waits for a
    /// dial that is under way while a message waits. It sends the messages of connected
    /// peers, waits for acknowledgements, and ends the connections. Then it waits until
    /// the peers have read everything and end the connections, too. At the deadline it
    /// stops: the report hands back unsent messages, and counts those that may not have
    /// been read.
    ///
    /// A slow peer needs its time: leaving at once would reset the connection, and the
    /// peer would lose the messages that it has not read. A silent peer holds up the
    /// close until the deadline. A peer that was sent nothing, or has acknowledged
    /// everything, does not. The Python library of 2019 does not end a connection that
    /// it has accepted; its silence shows that it has read everything, which takes up to
    /// 11 s.
    ///
    /// Messages that have arrived can still be received afterwards. Closing a closed
    /// socket does nothing.
    ///
    /// # Cancel safety
    ///
    /// After the future is dropped, the socket still refuses sends. Another call of
    /// `close` continues, and its report includes that of the first call. Of several
    /// calls at the same time, the first to return reports everything.
    pub async fn close(&self, deadline: Duration) -> CloseReport {
        let engine = self.engine();
        if engine.stop.is_cancelled() {
            // The socket has ended, perhaps with its runtime, or in another call that may
            // have been dropped since: this call does the rest.
            end_buffer(engine);
            return end(engine).await;
        }
        match keep(engine, deadline, self.close_within(deadline)).await {
            Some(report) => report,
            None => give_up(engine),
        }
    }

    async fn close_within(&self, deadline: Duration) -> CloseReport {
        let deadline = Instant::now() + bounded(deadline);
        let engine = self.engine();
        engine.closing.store(true, Ordering::Release);
        self.inner.line.wake();
        engine.stop_intake.cancel();
        // The messages may wait for a peer that is being dialled.
        let settled = until(|| !engine.tries.are_under_way() || !engine.anything_waits());
        // A peer that knows our identity may have admitted us, and sent something.
        let greeted = timeout(GREETING, until(|| !engine.told.are_under_way()));
        let _ = timeout_at(deadline, async { tokio::join!(settled, greeted) }).await;
        engine.stop_shaking.cancel();
        engine.peers.close();
        let _ = timeout_at(deadline, drain(engine)).await;
        // From here on nothing is sent again: the messages of the connections that end
        // now would be queued once more, without a peer.
        if let Some(unacked) = &engine.unacked {
            engine.leftover.add_unacknowledged(unacked.close());
        }

        // Sessions send their queues and end, and so do the tasks.
        engine.patience.wait();
        engine.finish();
        // The last messages are received, room or not, also by layers.
        engine.inbox.raise_limits(Inbox::LAST);
        let ended = async {
            no_peers(engine).await;
            until(|| engine.rests.is_empty()).await;
        };
        let _ = timeout_at(deadline, ended).await;
        // At the deadline, sessions end where they are.
        engine.end_tasks();
        engine.tasks.close();
        end(engine).await
    }
}

/// Ends the rest after the connections and the tasks. By then their unsent messages, and
/// those that they have read, are here.
async fn end(engine: &Engine) -> CloseReport {
    no_peers(engine).await;
    end_buffer(engine);
    engine.inbox.close();
    engine.tasks.wait().await;
    engine.intake.end();
    let report = report(engine);
    engine.reporter.end();
    report
}

/// Collects the messages of a socket whose tasks no longer run.
fn give_up(engine: &Engine) -> CloseReport {
    if let Some(unacked) = &engine.unacked {
        engine.leftover.add_unacknowledged(unacked.close());
    }
    engine.stop();
    for peer in engine.peers.members() {
        let queued = peer.queue().drain();
        engine.leftover.add_unsent(queued.into());
    }
    report(engine)
}

/// Reports the messages that are left.
fn report(engine: &Engine) -> CloseReport {
    end_buffer(engine);
    engine.leftover.take()
}

/// Ends the task of the buffer, and keeps its messages for the report.
fn end_buffer(engine: &Engine) {
    engine.leftover.add_unsent_of(|| engine.send.close());
}

/// Ready when no message waits for a connected peer, or no peer is connected.
async fn drain(engine: &Engine) {
    let mut peers = engine.peers.count();
    tokio::select! {
        () = until(|| is_drained(engine)) => {}
        _ = peers.wait_for(|peers| *peers == 0) => {}
    }
}

/// Whether everything that can be sent and acknowledged is. Messages for absent peers
/// do not count.
fn is_drained(engine: &Engine) -> bool {
    let Some(unacked) = &engine.unacked else {
        // Sessions send their queues before they end.
        return engine.send.is_drained();
    };
    engine.send.is_drained() && engine.peers.have_sent_all() && !unacked.is_awaiting()
}

async fn no_peers(engine: &Engine) {
    let _ = engine.peers.count().wait_for(|peers| *peers == 0).await;
}

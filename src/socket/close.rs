//! Closing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use aiomsg_layers::session::Inbox;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::context::TokioContext;

use super::Socket;
use crate::CloseReport;
use crate::engine::Engine;

/// So much longer than its deadline a close takes at most, where the runtime of the
/// socket is another one than that of the caller.
const GRACE: Duration = Duration::from_secs(1);

/// How long a peer that knows who we are may take to say who it is: a round trip, as a
/// rule. One that does not speak does not hold up a close for longer.
const GREETING: Duration = Duration::from_secs(1);

/// Longer deadlines mean for ever, and would overflow.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

impl<S> Socket<S> {
    /// Closes the socket in good order, for all its handles: refuses new
    /// sends, stops listening and connecting (a try to connect that is under way is
    /// waited for if a message waits), sends to the peers that are connected what
    /// waits for them, waits for acknowledgements, ends the
    /// connections, and waits until the peers have read everything and end them,
    /// too. What is not done within `deadline` is not done: the report hands back
    /// what was not sent, and counts what may not have been read.
    ///
    /// A peer that is behind takes its time: the connection would be reset if this
    /// end left at once, and what the peer has not read by then would be lost. One
    /// that is silent is waited for until the deadline. One that has been sent
    /// nothing, or has acknowledged everything, is not waited for. The Python
    /// library of 2019 does not end a connection that it has accepted, and is known
    /// to have read everything by its silence: with such a peer it takes up to 11 s.
    ///
    /// What had arrived can still be received afterwards. Closing a socket
    /// that is closed does nothing.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the socket still refuses sends; calling
    /// `close` again goes on with the rest, and reports what the first call had
    /// not done, too. Of several calls at the same time, the first that is done
    /// reports everything.
    pub async fn close(&self, deadline: Duration) -> CloseReport {
        let engine = self.engine();
        if engine.stop.is_cancelled() {
            // It has ended, as its runtime may have, or another call was about to end it
            // and may have been given up: what is left to do is done here, too.
            end_buffer(engine);
            return end(engine).await;
        }
        // Anybody may wait for it, outside of a runtime, too.
        let closing = Box::pin(self.close_within(deadline));
        let closing = TokioContext::new(closing, engine.runtime.clone());
        match Handle::try_current() {
            // The clock of the socket's runtime stands still when nobody drives it.
            Ok(here) if here.id() != engine.runtime.id() => {
                let longest = deadline.min(FOREVER) + GRACE;
                match timeout(longest, closing).await {
                    Ok(report) => report,
                    Err(_) => give_up(engine),
                }
            }
            _ => closing.await,
        }
    }

    async fn close_within(&self, deadline: Duration) -> CloseReport {
        let deadline = Instant::now() + deadline.min(FOREVER);
        let engine = self.engine();
        engine.closing.store(true, Ordering::Release);
        self.inner.line.wake();
        engine.stop_intake.cancel();
        // Who is being connected to may be whom all of it waits for.
        let settled = until(|| !engine.tries.are_under_way() || !anything_waits(engine));
        // Who knows who we are may have let us in, and sent something.
        let greeted = timeout(GREETING, until(|| !engine.told.are_under_way()));
        let _ = timeout_at(deadline, async { tokio::join!(settled, greeted) }).await;
        engine.stop_shaking.cancel();
        engine.peers.close();
        let _ = timeout_at(deadline, drain(engine)).await;
        // From here on nothing is sent again: the connections that end now
        // would have their messages queued once more, for nobody.
        if let Some(unacked) = &engine.unacked {
            engine.leftover.add_unacknowledged(unacked.close());
        }

        // Sessions send what is queued for them and end, as do the tasks.
        engine.patience.wait();
        engine.finish.cancel();
        // What arrives at the end is taken, room or not, also by layers.
        engine.inbox.raise_limits(Inbox::LAST);
        let ended = async {
            no_peers(engine).await;
            until(|| engine.rests.is_empty()).await;
        };
        let _ = timeout_at(deadline, ended).await;
        // At the deadline, sessions end where they are.
        engine.stop.cancel();
        engine.tasks.close();
        end(engine).await
    }
}

/// Ends what nobody moves any more, when the connections and the tasks have ended. What
/// they had not sent, and what they had read, is here then.
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

/// Nothing of the socket moves any more: takes what can be taken without its tasks.
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

/// What is left.
fn report(engine: &Engine) -> CloseReport {
    end_buffer(engine);
    engine.leftover.take()
}

/// Ends the task of the buffer, and keeps what waits in it for the report.
fn end_buffer(engine: &Engine) {
    engine.leftover.add_unsent_of(|| engine.send.close());
}

/// Ready when nothing waits for a peer that is connected, or nobody is
/// connected any more.
async fn drain(engine: &Engine) {
    let mut peers = engine.peers.count();
    tokio::select! {
        () = until(|| is_drained(engine)) => {}
        _ = peers.wait_for(|peers| *peers == 0) => {}
    }
}

/// Buffers and queues are emptied by other tasks, in moments. Being told by each
/// of them would cost every message something.
async fn until(is_so: impl Fn() -> bool) {
    let mut pause = Duration::from_millis(1);
    while !is_so() {
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Whether all has left, and been acknowledged, that can: what is addressed to
/// the absent is not waited for.
fn is_drained(engine: &Engine) -> bool {
    let Some(unacked) = &engine.unacked else {
        // Sessions send what is in their queues before they end.
        return engine.send.is_drained();
    };
    engine.send.is_drained() && engine.peers.have_sent_all() && !unacked.is_awaiting()
}

/// Whether a message waits for anybody, or for an acknowledgement.
fn anything_waits(engine: &Engine) -> bool {
    let unacked = engine.unacked.as_ref();
    !engine.send.is_idle()
        || !engine.peers.have_sent_all()
        || unacked.is_some_and(|unacked| !unacked.is_empty())
}

async fn no_peers(engine: &Engine) {
    let _ = engine.peers.count().wait_for(|peers| *peers == 0).await;
}

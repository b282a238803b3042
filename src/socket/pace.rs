//! Yielding to other tasks.

use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};

use tokio::task::coop;

/// The messages that cost a task as much as one of tokio's own operations.
const MESSAGES: u32 = 8;

/// More peers than that count as this many.
const WIDEST: usize = 64;

/// Counts how many more messages a socket takes or gives without a wait.
///
/// A task that sends all the time, and never has to wait, would keep its thread from the
/// sessions that write its messages. They would find full queues, which have long left the
/// processor's cache. So messages use up the
/// [budget](https://docs.rs/tokio/latest/tokio/task/coop/) that tokio gives each task, and
/// after 1,024 of them other tasks have their turn. When messages are spread over peers, each
/// peer should get a batch, or each would cost a system call of its own. Then the turn is 1,024
/// for each peer, and 65,536 at most.
#[derive(Debug, Default)]
pub(super) struct Pace(AtomicU32);

impl Pace {
    /// Pending when other tasks have their turn. Polled before each message. `spread` is the
    /// number of peers that share the messages.
    #[inline]
    pub(super) fn poll(&self, cx: &mut Context<'_>, spread: impl FnOnce() -> usize) -> Poll<()> {
        // Several threads may lose counts, and that does not matter.
        let more = self.0.load(Ordering::Relaxed);
        if more > 0 {
            self.0.store(more - 1, Ordering::Relaxed);
            return Poll::Ready(());
        }
        ready!(coop::poll_proceed(cx)).made_progress();
        let spread = spread().clamp(1, WIDEST) as u32;
        self.0.store(MESSAGES * spread - 1, Ordering::Relaxed);
        Poll::Ready(())
    }

    /// Counts this many messages that came along with the first. More than the turn allows end
    /// the turn.
    pub(super) fn count(&self, messages: usize) {
        let more = self.0.load(Ordering::Relaxed);
        let messages = u32::try_from(messages).unwrap_or(u32::MAX);
        self.0
            .store(more.saturating_sub(messages), Ordering::Relaxed);
    }
}

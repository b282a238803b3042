//! Letting others run.

use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};

use tokio::task::coop;

/// So many messages cost a task as much as one of tokio's own operations.
const MESSAGES: u32 = 8;

/// More peers than that count as this many.
const WIDEST: usize = 64;

/// Counts how many more messages a socket takes or gives without a wait.
///
/// A task that sends all the time, and never has to wait, would keep its thread
/// to itself, and with it the sessions that are to write what it sends: they
/// would find as much as their queues hold, when it has long left the processor's
/// cache. So messages use up the
/// [budget](https://docs.rs/tokio/latest/tokio/task/coop/) that tokio gives each
/// task, and after 1,024 of them others have their turn. Where they are spread over
/// peers, each peer is to have some, or each would cost a system call of its own:
/// then it is as many for each, up to 65,536.
#[derive(Debug, Default)]
pub(super) struct Pace(AtomicU32);

impl Pace {
    /// Pending when it is the turn of others. Asked before each message, which
    /// goes to one of so many peers, or to each.
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

    /// Counts so many messages that came along with the one that was asked for. What
    /// is more than the turn allows is the end of it.
    pub(super) fn count(&self, messages: usize) {
        let more = self.0.load(Ordering::Relaxed);
        let messages = u32::try_from(messages).unwrap_or(u32::MAX);
        self.0
            .store(more.saturating_sub(messages), Ordering::Relaxed);
    }
}

//! All messages that come while one commit is under way make the next one.

use std::sync::Arc;

use aiomsg_core::MessageId;
use aiomsg_layers::Overflow;

use super::{Front, StoredWaiter};
use crate::SpoolError;
use crate::store::{Entry, Usage};

/// How often the other tasks may run without a message from those who were just answered,
/// before what has come is committed.
pub(super) const QUIET: u32 = 8;

impl Front {
    /// Commits what waits, until the spool is closed.
    pub(super) async fn commit_all(self: Arc<Self>) {
        loop {
            let (entries, waiters, closed) = self.take_pending();
            if entries.is_empty() {
                if closed {
                    break;
                }
                self.bell.notified().await;
                continue;
            }
            let asking = self.asking(&entries);
            let answer = self.commit(entries).await;
            self.answered(&answer, &asking);
            let answered = waiters.len();
            for waiter in waiters {
                // The sender may no longer wait.
                let _ = waiter.send(answer.clone().map(|_| ()));
            }
            self.gather(answered).await;
        }
        let ended = self.store.close().await;
        self.settled.notify_waiters();
        self.ended.send_replace(Some(ended));
    }

    /// Waits for the next messages of senders that were just answered: they come at once, and
    /// a commit for some of them would have the others wait for one more.
    async fn gather(&self, answered: usize) {
        let (mut before, mut quiet) = (0, 0);
        while before < answered && quiet < QUIET {
            tokio::task::yield_now().await;
            let waiting = self.state.lock().waiters.len();
            quiet = if waiting > before { 0 } else { quiet + 1 };
            before = waiting;
        }
    }

    fn take_pending(&self) -> (Vec<Entry>, Vec<StoredWaiter>, bool) {
        let mut state = self.state.lock();
        let entries = std::mem::take(&mut state.pending);
        let waiters = std::mem::take(&mut state.waiters);
        state.committing = Usage {
            messages: entries.len() as u64,
            bytes: state.pending_bytes as u64,
        };
        state.pending_bytes = 0;
        (entries, waiters, state.closed)
    }

    async fn commit(&self, entries: Vec<Entry>) -> Result<Usage, SpoolError> {
        if let Some(most) = self.excess() {
            let shed = self.store.shed(most).await?;
            self.state.lock().dropped += shed.dropped;
        }
        self.store.append(entries).await
    }

    /// How much the store may hold before the messages under way, if the overflow rule drops
    /// others for them.
    fn excess(&self) -> Option<Usage> {
        let state = self.state.lock();
        let new = state.stored + state.committing;
        let settings = &self.settings;
        if new.messages <= settings.max_messages && new.bytes <= settings.max_bytes {
            return None;
        }
        match settings.overflow {
            Overflow::DropOldest => Some(Usage {
                messages: settings
                    .max_messages
                    .saturating_sub(state.committing.messages),
                bytes: settings.max_bytes.saturating_sub(state.committing.bytes),
            }),
            Overflow::KeepNewest => Some(Usage::default()),
            _ => None,
        }
    }

    /// The messages whose senders wait for the acknowledgement.
    fn asking(&self, entries: &[Entry]) -> Vec<MessageId> {
        let state = self.state.lock();
        if state.until_acked.is_empty() {
            return Vec::new();
        }
        let ids = entries.iter().map(|it| it.id);
        ids.filter(|id| state.until_acked.contains_key(id))
            .collect()
    }

    fn answered(&self, answer: &Result<Usage, SpoolError>, asking: &[MessageId]) {
        let mut state = self.state.lock();
        state.committing = Usage::default();
        if answer.is_err() {
            // Their senders hear that they were not stored.
            for id in asking {
                state.until_acked.remove(id);
            }
        }
        let woken = state.holds(answer);
        drop(state);
        woken.wake();
    }
}

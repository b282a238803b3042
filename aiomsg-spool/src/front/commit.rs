//! All messages that come while one commit is under way make the next one. A store that joins
//! them writes the first ones while the others come.

use std::sync::Arc;

use aiomsg_core::MessageId;
use aiomsg_layers::Overflow;

use super::{Front, PENDING, PENDING_BYTES, State, StoredWaiter};
use crate::SpoolError;
use crate::settings::Settings;
use crate::store::{Answer, Entry, Store, Usage};

/// How often the other tasks may run without a message from those who were just answered,
/// before what has come is committed.
pub(super) const QUIET: u32 = 8;

/// Messages that are stored together, and their senders.
struct Group {
    entries: Vec<Entry>,
    waiters: Vec<StoredWaiter>,
    /// The messages whose senders wait for the acknowledgement.
    asking: Vec<MessageId>,
    usage: Usage,
}

/// A group under way to the store.
struct Begun {
    answer: Answer<Usage>,
    group: Group,
}

impl Front {
    /// Commits what waits, until the spool is closed.
    pub(super) async fn commit_all(self: Arc<Self>) {
        let mut answered = 0;
        loop {
            let (group, closed) = self.take_pending();
            if group.entries.is_empty() {
                if closed {
                    break;
                }
                self.bell.notified().await;
                continue;
            }
            answered = match self.store.joins() && self.excess(Usage::default()).is_none() {
                true => self.commit_joined(group, answered).await,
                false => self.commit_alone(group).await,
            };
        }
        let ended = self.store.close().await;
        self.settled.notify_waiters();
        self.ended.send_replace(Some(ended));
    }

    /// Commits a group, and waits for the next messages of its senders. None are awaited
    /// after that.
    async fn commit_alone(&self, mut group: Group) -> usize {
        let answer = self.commit(std::mem::take(&mut group.entries)).await;
        let answered = self.answer(&answer, group);
        self.gather(answered).await;
        0
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

    /// Commits a group together with the next messages of those senders that were answered
    /// before. The store writes what has come while the rest comes. Returns how many senders
    /// were answered.
    async fn commit_joined(&self, first: Group, before: usize) -> usize {
        let mut came = first.waiters.len();
        if came >= before {
            let begun = self.begin(first, |store, entries| store.append(entries));
            return self.finish(begun).await;
        }
        let begin = |group| self.begin(group, |store, entries| store.begin(entries));
        let mut all = vec![begin(first)];
        let mut quiet = 0;
        while came < before && quiet < QUIET {
            tokio::task::yield_now().await;
            quiet += 1;
            if let Some(group) = self.take_more() {
                quiet = 0;
                came += group.waiters.len();
                all.push(begin(group));
            }
        }
        self.store.finish();
        let mut answered = 0;
        for begun in all {
            answered += self.finish(begun).await;
        }
        answered
    }

    fn begin(
        &self,
        mut group: Group,
        store: impl FnOnce(&dyn Store, Vec<Entry>) -> Answer<Usage>,
    ) -> Begun {
        let entries = std::mem::take(&mut group.entries);
        let answer = store(&*self.store, entries);
        Begun { answer, group }
    }

    async fn finish(&self, begun: Begun) -> usize {
        let answer = begun.answer.await;
        self.answer(&answer, begun.group)
    }

    fn take_pending(&self) -> (Group, bool) {
        let mut state = self.state.lock();
        (state.take_group(), state.closed)
    }

    /// What waits, if there is something, and the store and the commit have room for it.
    fn take_more(&self) -> Option<Group> {
        let mut state = self.state.lock();
        let committing = state.committing;
        let full =
            committing.messages >= PENDING as u64 || committing.bytes >= PENDING_BYTES as u64;
        if full || state.waiters.is_empty() {
            return None;
        }
        let pending = state.pending_usage();
        let over = state.excess(&self.settings, pending).is_some();
        (!over).then(|| state.take_group())
    }

    async fn commit(&self, entries: Vec<Entry>) -> Result<Usage, SpoolError> {
        if let Some(most) = self.excess(Usage::default()) {
            let shed = self.store.shed(most).await?;
            self.state.lock().dropped += shed.dropped;
        }
        self.store.append(entries).await
    }

    fn excess(&self, more: Usage) -> Option<Usage> {
        self.state.lock().excess(&self.settings, more)
    }

    /// Answers the senders of a group. Returns how many they are.
    fn answer(&self, answer: &Result<Usage, SpoolError>, group: Group) -> usize {
        let mut state = self.state.lock();
        let committing = &mut state.committing;
        committing.messages -= group.usage.messages;
        committing.bytes -= group.usage.bytes;
        if answer.is_err() {
            // Their senders hear that they were not stored.
            for id in &group.asking {
                state.until_acked.remove(id);
            }
        }
        let woken = state.holds(answer);
        drop(state);
        woken.wake();
        let answered = group.waiters.len();
        for waiter in group.waiters {
            // The sender may no longer wait.
            let _ = waiter.send(answer.clone().map(|_| ()));
        }
        answered
    }
}

impl State {
    fn pending_usage(&self) -> Usage {
        Usage {
            messages: self.pending.len() as u64,
            bytes: self.pending_bytes as u64,
        }
    }

    fn take_group(&mut self) -> Group {
        let usage = self.pending_usage();
        let entries = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        self.committing = self.committing + usage;
        let asking = match self.until_acked.is_empty() {
            true => Vec::new(),
            false => {
                let ids = entries.iter().map(|it| it.id);
                ids.filter(|id| self.until_acked.contains_key(id)).collect()
            }
        };
        Group {
            entries,
            waiters: std::mem::take(&mut self.waiters),
            asking,
            usage,
        }
    }

    /// How much the store may hold before the messages under way and these, if the overflow
    /// rule drops others for them.
    fn excess(&self, settings: &Settings, more: Usage) -> Option<Usage> {
        let committing = self.committing + more;
        let new = self.stored + committing;
        if new.messages <= settings.max_messages && new.bytes <= settings.max_bytes {
            return None;
        }
        match settings.overflow {
            Overflow::DropOldest => Some(Usage {
                messages: settings.max_messages.saturating_sub(committing.messages),
                bytes: settings.max_bytes.saturating_sub(committing.bytes),
            }),
            Overflow::KeepNewest => Some(Usage::default()),
            _ => None,
        }
    }
}

//! Due messages: which to send again, and when.

use std::collections::HashSet;
use std::task::Context;
use std::time::Duration;

use aiomsg_core::{DropReason, MessageId, Outbound};
use tokio::time::Instant;

use super::entries::Entry;
use super::progress::Prospect;
use super::suspects::Care;
use super::unacked::{State, Unacked};

/// The delay of a due message that finds no room.
const SOON: Duration = Duration::from_millis(50);

/// The messages to send again now, the oldest first, and the time of the next ones.
struct Due {
    next: Option<Instant>,
    due: Vec<MessageId>,
}

impl Unacked {
    /// Postpones a message that could not be sent again now.
    pub(super) fn postpone(&self, id: MessageId) {
        let soon = Instant::now() + SOON.min(self.settings().timeout);
        let mut state = self.lock();
        if let Some(entry) = state.entries.get_mut(id) {
            entry.due = Some(soon);
        }
    }

    /// Takes the due messages. If there are none, returns when there may be some, as far as that
    /// is known. `None` if it is closed.
    pub(super) fn take_due(
        &self,
        cx: &mut Context<'_>,
    ) -> Option<Result<Vec<Outbound>, Option<Instant>>> {
        let max_resends = self.settings().max_resends;
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        // Read under the lock, so that messages that were lost before that are due.
        let now = Instant::now();
        let Due { next, due } = state.due(now, self.settings().timeout);
        let mut resend = Vec::new();
        let mut given_up = Vec::new();
        let mut probed = HashSet::new();
        for id in due {
            let State {
                entries,
                connections,
                suspects,
                ..
            } = &mut *state;
            let Some(entry) = entries.get_mut(id) else {
                continue;
            };
            let connection = entry.connection();
            let lives = connections.has(connection);
            if lives && entry.lost > 0 {
                // No connection has ended by it this time.
                entry.lost = 0;
                if std::mem::take(&mut entry.suspect) {
                    suspects.release(entry.message.peer(), true);
                }
            }
            if entry.sends > max_resends {
                given_up.extend(state.remove(id, false));
                continue;
            }
            // It would go on the same connection again, behind the messages there.
            let same = lives && (entry.message.peer().is_some() || connections.len() == 1);
            if same && !entry.passed_over && !probed.insert(connection) {
                entry.sends = entry.sends.saturating_add(1);
                entry.due = Some(now + self.settings().timeout);
                continue;
            }
            if !entry.suspect {
                let care = Care::of(entry.lost, max_resends);
                if !suspects.admit(entry.message.peer(), care) {
                    // A message on its way wakes the resender.
                    continue;
                }
                entry.suspect = care != Care::None;
            }
            entry.due = None;
            resend.push(entry.message.clone());
        }
        let woken = if given_up.is_empty() {
            Default::default()
        } else {
            state.producers.take()
        };
        if resend.is_empty() {
            state.resender.register(cx.waker());
            state.idle = next.is_none();
            state.entries.shrink();
        }
        drop(state);
        woken.wake();
        for Entry {
            message, waiter, ..
        } in given_up
        {
            let unheard = match waiter {
                Some(waiter) => {
                    let told = waiter.send(Err((message, DropReason::RetriesExhausted)));
                    told.err().and_then(Result::err)
                }
                None => Some((message, DropReason::RetriesExhausted)),
            };
            if let Some((message, reason)) = unheard {
                self.discard().message(message, reason);
            }
        }
        Some(if resend.is_empty() {
            Err(next)
        } else {
            Ok(resend)
        })
    }
}

impl State {
    fn due(&mut self, now: Instant, timeout: Duration) -> Due {
        let Self {
            entries,
            connections,
            ..
        } = self;
        let mut next: Option<Instant> = None;
        let mut due = Vec::new();
        let mut postponed = false;
        for entry in entries.iter_mut() {
            let Some(mut at) = entry.due else { continue };
            if at <= now {
                match connections.prospect(entry.connection(), entry.place, timeout, now) {
                    Prospect::Until(until) => at = until,
                    Prospect::PassedOver if !entry.passed_over => {
                        entry.passed_over = true;
                        at = now + timeout;
                    }
                    _ => {
                        due.extend(entry.message.id().map(|id| (entry.order, id)));
                        continue;
                    }
                }
                entry.due = Some(at);
                postponed = true;
            }
            next = Some(next.map_or(at, |next| next.min(at)));
        }
        if postponed {
            // Thousands may be due one after the other, and postponed.
            next = next.map(|next| next.max(now + SOON.min(timeout)));
        }
        due.sort_unstable();
        let due = due.into_iter().map(|(_, id)| id).collect();
        Due { next, due }
    }
}

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use aiomsg_core::queue::{Limits, WakerList};
use aiomsg_core::{Discard, DropReason, MessageId, Outbound};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::entries::{Entries, Entry, NO_CONNECTION};
use super::{AtLeastOnceLayer, ConnectionAcks};
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::sync::{Mutex, MutexGuard};

/// The times and limits of at-least-once.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Settings {
    /// How long an acknowledgement may take.
    pub timeout: Duration,
    /// How often a message is sent again, at most.
    pub max_resends: u32,
    /// How much may wait for acknowledgements.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: AtLeastOnceLayer::TIMEOUT,
            max_resends: AtLeastOnceLayer::MAX_RESENDS,
            limits: AtLeastOnceLayer::LIMITS,
        }
    }
}

/// The messages that wait for acknowledgements.
///
/// Shared by the service that sends them, the connections that hear
/// acknowledgements, and the resender.
#[derive(Clone)]
pub struct Unacked(Arc<Shared>);

struct Shared {
    settings: Settings,
    discard: Discard,
    connections: AtomicU64,
    state: Mutex<State>,
}

struct State {
    entries: Entries,
    closed: bool,
    producers: WakerList,
    resender: WakerList,
    /// The resender knows of no deadline. While it knows of one, what leaves
    /// now is due later than that, and need not wake it.
    idle: bool,
}

/// How far apart the resends of one message are that ended connections cause,
/// unless the timeout is shorter. A peer that connects and hangs up, again and
/// again, would use up all of them in a moment otherwise.
const PACE: Duration = AtLeastOnceLayer::TIMEOUT;

/// How long a message waits that is to be sent again and finds no room.
const SOON: Duration = Duration::from_millis(50);

/// What becomes of a message: acknowledged, or given up and handed back.
pub(super) type Outcome = oneshot::Receiver<Result<(), Outbound>>;

impl Unacked {
    pub(super) fn new(settings: Settings, discard: Discard) -> Self {
        Self(Arc::new(Shared {
            settings,
            discard,
            connections: AtomicU64::new(0),
            state: Mutex::new(State {
                entries: Entries::new(),
                closed: false,
                producers: WakerList::default(),
                resender: WakerList::default(),
                idle: false,
            }),
        }))
    }

    pub(super) fn settings(&self) -> Settings {
        self.0.settings
    }

    pub(super) fn discard(&self) -> Discard {
        self.0.discard.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many messages wait for acknowledgements.
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether no message waits for an acknowledgement.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a message has left and is not yet acknowledged or given up.
    pub fn is_awaiting(&self) -> bool {
        let state = self.lock();
        state.entries.iter().any(|entry| entry.left.is_some())
    }

    /// Ends the resender, and takes the messages that were not acknowledged,
    /// the oldest first.
    pub fn close(&self) -> Vec<Outbound> {
        let mut state = self.lock();
        state.closed = true;
        let messages = state.entries.take();
        let producers = state.producers.take();
        let resender = state.resender.take();
        drop(state);
        producers.wake();
        resender.wake();
        messages
    }

    /// The view of one more connection.
    pub(crate) fn connection(&self) -> ConnectionAcks {
        let number = self.0.connections.fetch_add(1, Relaxed);
        ConnectionAcks::new(self.clone(), number)
    }

    // ===== the service =====

    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.closed || state.has_room(&self.0.settings.limits) {
            return Poll::Ready(());
        }
        state.producers.register(cx.waker());
        Poll::Pending
    }

    /// Gives a message its id and keeps a copy, and says how its sender hears
    /// of its acknowledgement if it wants to.
    pub(super) fn insert(&self, mut message: Outbound) -> (MessageId, Outbound, Option<Outcome>) {
        let (waiter, outcome) = match message.is_until_acked() {
            true => {
                let (waiter, outcome) = oneshot::channel();
                (Some(waiter), Some(outcome))
            }
            false => (None, None),
        };
        let id = self.lock().entries.insert(&mut message, waiter);
        (id, message, outcome)
    }

    /// The same if there is room, for a message whose sender does not wait.
    pub(super) fn try_insert(&self, message: &mut Outbound) -> Option<MessageId> {
        let mut state = self.lock();
        if state.closed || !state.has_room(&self.0.settings.limits) {
            return None;
        }
        Some(state.entries.insert(message, None))
    }

    /// Nobody waits for an acknowledgement of this message any more: the caller
    /// has it back, or another layer has given it up.
    pub fn forget(&self, id: MessageId) {
        let mut state = self.lock();
        state.entries.remove(id);
        let woken = state.producers.take();
        drop(state);
        woken.wake();
    }

    // ===== connections =====

    pub(super) fn left(&self, ids: &[MessageId], connection: u64) {
        let due = Instant::now() + self.0.settings.timeout;
        let mut state = self.lock();
        for &id in ids {
            if let Some(entry) = state.entries.get_mut(id) {
                entry.sends += 1;
                entry.left = Some((connection, due));
            }
        }
        let woken = if std::mem::take(&mut state.idle) {
            state.resender.take()
        } else {
            Default::default()
        };
        drop(state);
        woken.wake();
    }

    pub(super) fn acknowledged(&self, ids: &[MessageId]) {
        let mut state = self.lock();
        for &id in ids {
            if let Some(waiter) = state.entries.remove(id).and_then(|entry| entry.waiter) {
                // Whoever waited may be gone.
                let _ = waiter.send(Ok(()));
            }
        }
        let woken = state.producers.take();
        drop(state);
        woken.wake();
    }

    /// A connection ended: what left by it is sent again at once, but for what
    /// that has happened to just now.
    pub(super) fn connection_ended(&self, connection: u64) {
        let now = Instant::now();
        let pace = PACE.min(self.0.settings.timeout);
        let mut state = self.lock();
        let mut any = false;
        for entry in state.entries.iter_mut() {
            any |= entry.lose(connection, now, pace);
        }
        if !any {
            return;
        }
        let woken = state.resender.take();
        drop(state);
        woken.wake();
    }

    // ===== the resender =====

    /// A message that could not be sent again now is due again soon.
    pub(super) fn postpone(&self, id: MessageId) {
        let soon = Instant::now() + SOON.min(self.0.settings.timeout);
        let mut state = self.lock();
        if let Some(entry) = state.entries.get_mut(id) {
            entry.left = Some((NO_CONNECTION, soon));
        }
    }

    /// Takes what is to be sent again now. If there is nothing, says when
    /// there may be something, as far as that is known. `None`: closed.
    pub(super) fn take_due(
        &self,
        cx: &mut Context<'_>,
    ) -> Option<Result<Vec<Outbound>, Option<Instant>>> {
        let max_resends = self.0.settings.max_resends;
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        // Read under the lock, so that what was lost before that is due.
        let now = Instant::now();
        let mut next: Option<Instant> = None;
        let mut due = Vec::new();
        for entry in state.entries.iter() {
            let Some((_, deadline)) = entry.left else {
                continue;
            };
            if deadline <= now {
                due.extend(entry.message.id());
            } else {
                next = Some(next.map_or(deadline, |next| next.min(deadline)));
            }
        }
        due.sort_unstable();
        let mut resend = Vec::new();
        let mut given_up = Vec::new();
        for id in due {
            let Some(entry) = state.entries.get_mut(id) else {
                continue;
            };
            if entry.sends > max_resends {
                given_up.extend(state.entries.remove(id));
            } else if entry.left.take().is_some() {
                resend.push(entry.message.clone());
            }
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
                Some(waiter) => waiter.send(Err(message)).err().and_then(Result::err),
                None => Some(message),
            };
            if let Some(message) = unheard {
                let discard = &self.0.discard;
                discard.message(message, DropReason::RetriesExhausted);
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
    fn has_room(&self, limits: &Limits) -> bool {
        limits.admit(self.entries.len(), self.entries.bytes())
    }
}

impl fmt::Debug for Unacked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unacked")
            .field("settings", &self.0.settings)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

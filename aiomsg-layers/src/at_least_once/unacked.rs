use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aiomsg_core::{Discard, DropReason, Identity, Limits, MessageId, Outbound};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::entries::{Entries, Entry, Unacknowledged};
use super::observed::Observed;
use super::progress::Connections;
use super::suspects::Suspects;
use super::{AtLeastOnceLayer, ConnectionAcks};
use crate::queue::{WakerList, Woken};
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::sync::{Mutex, MutexGuard};

/// The times and limits of at-least-once.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Settings {
    /// The time for an acknowledgement.
    pub timeout: Duration,
    /// The most resends of a message.
    pub max_resends: u32,
    /// The bound on unacknowledged messages.
    pub limits: Limits,
}

impl Settings {
    /// The defaults: those of the wire document, and the limits of [`AtLeastOnceLayer`].
    pub fn new() -> Self {
        Self {
            timeout: AtLeastOnceLayer::TIMEOUT,
            max_resends: AtLeastOnceLayer::MAX_RESENDS,
            limits: AtLeastOnceLayer::LIMITS,
        }
    }

    /// Sets how long an acknowledgement may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how often a message is sent again, at most.
    #[must_use]
    pub fn max_resends(mut self, resends: u32) -> Self {
        self.max_resends = resends;
        self
    }

    /// Sets how much may wait for acknowledgements.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

/// The unacknowledged messages.
///
/// The service that sends them, the connections, and the resender share it.
#[derive(Clone)]
pub struct Unacked(Arc<Shared>);

struct Shared {
    settings: Settings,
    discard: Discard,
    connections: AtomicU64,
    observed: Observed,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) entries: Entries,
    pub(super) connections: Connections,
    pub(super) suspects: Suspects,
    pub(super) closed: bool,
    pub(super) producers: WakerList,
    pub(super) resender: WakerList,
    /// Whether the resender knows no deadline. While it knows one, messages that leave now are
    /// due later, and need not wake it.
    pub(super) idle: bool,
}

/// The time between resends of a message because of ended connections, unless the timeout is
/// shorter. Otherwise a peer that connects and hangs up, again and again, would use up all of
/// them in a moment.
const PACE: Duration = AtLeastOnceLayer::TIMEOUT;

/// The outcome of a message: acknowledged, or dropped and returned.
pub(super) type Outcome = oneshot::Receiver<Result<(), GivenUp>>;

/// A message that is kept.
pub(super) struct Inserted {
    pub(super) id: MessageId,
    /// The receiver of its outcome, if its sender waits for it.
    pub(super) outcome: Option<Outcome>,
    /// Whether there is room for another one.
    pub(super) room: bool,
}

/// A message that will not be acknowledged, and why.
pub(super) type GivenUp = (Outbound, DropReason);

impl Unacked {
    pub(super) fn new(settings: Settings, discard: Discard) -> Self {
        Self(Arc::new(Shared {
            settings,
            discard,
            connections: AtomicU64::new(0),
            observed: Observed::default(),
            state: Mutex::new(State {
                entries: Entries::new(),
                connections: Connections::default(),
                suspects: Suspects::default(),
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

    pub(super) fn observed(&self) -> &Observed {
        &self.0.observed
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock()
    }

    /// How many messages are unacknowledged.
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Their bytes, as the limits count them.
    pub fn bytes(&self) -> usize {
        self.lock().entries.bytes()
    }

    /// Whether no message is unacknowledged.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages have left, and are not yet acknowledged or dropped.
    pub fn awaiting(&self) -> usize {
        let state = self.lock();
        state.entries.iter().filter(|it| it.due.is_some()).count()
    }

    /// Whether a message has left, and is not yet acknowledged or dropped.
    pub fn is_awaiting(&self) -> bool {
        let state = self.lock();
        state.entries.iter().any(|entry| entry.due.is_some())
    }

    /// Ends the resender, and takes the unacknowledged messages, the oldest first.
    pub fn close(&self) -> Vec<Unacknowledged> {
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
        self.lock().connections.add(number, Instant::now());
        ConnectionAcks::new(self.clone(), number)
    }

    // ===== the service =====

    /// Ready when there is room for a message for this peer, or for anyone.
    pub(super) fn poll_room(&self, cx: &mut Context<'_>, peer: Option<&Identity>) -> Poll<()> {
        let mut state = self.lock();
        if state.closed || state.entries.have_room(&self.0.settings.limits, peer) {
            return Poll::Ready(());
        }
        state.producers.register(cx.waker());
        Poll::Pending
    }

    /// Gives a message its id, and keeps a copy. Returns the receiver of its outcome, if its
    /// sender waits for it. `None`: this is closed, and no report would hold the message any more.
    #[inline]
    pub(super) fn insert(&self, message: &mut Outbound) -> Option<Inserted> {
        let (waiter, outcome) = match message.is_until_acked() {
            true => {
                let (waiter, outcome) = oneshot::channel();
                (Some(waiter), Some(outcome))
            }
            false => (None, None),
        };
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        let id = state.entries.insert(message, waiter);
        let room = state.entries.have_room(&self.0.settings.limits, None);
        Some(Inserted { id, outcome, room })
    }

    /// Forgets a message: its caller has it back, or another layer has dropped it. Returns
    /// whether it was here. If a message that was never sent was not,
    /// [`close`](Unacked::close) has taken it.
    pub fn forget(&self, id: MessageId) -> bool {
        self.remove(id).is_some()
    }

    /// Forgets a message that another layer has dropped. Returns whether to report that: a
    /// sender that waits for its acknowledgement hears of it here, and a message that is not
    /// here any more is acknowledged, was dropped before, or is in the report of the close.
    pub(super) fn give_up(&self, id: MessageId, message: &Outbound, reason: DropReason) -> bool {
        let Some(entry) = self.remove(id) else {
            return false;
        };
        let waiter = entry.waiter;
        let told = waiter.map(|waiter| waiter.send(Err((message.clone(), reason))));
        !matches!(told, Some(Ok(())))
    }

    fn remove(&self, id: MessageId) -> Option<Entry> {
        let mut state = self.lock();
        let removed = state.remove(id, false);
        // Other suspects may go.
        let suspect = removed.as_ref().is_some_and(|entry| entry.suspect);
        let (producers, resender) = (state.producers.take(), state.resender_if(suspect));
        drop(state);
        producers.wake();
        resender.wake();
        removed
    }

    // ===== connections =====

    /// Notes that these messages have left on a connection, and then that its peer has
    /// acknowledged those. Only messages that have left on this connection count.
    pub(super) fn exchanged(&self, sent: &[MessageId], heard: &[MessageId], connection: u64) {
        let now = Instant::now();
        let due = now + self.0.settings.timeout;
        let mut state = self.lock();
        let State {
            entries,
            connections,
            ..
        } = &mut *state;
        let first = connections.sent(connection, sent.len() as u64);
        let mut last = connections.last(connection);
        for (place, &id) in (first..).zip(sent) {
            let near = entries.behind(last.sent);
            let Some((at, _)) = entries.find_near(id, near) else {
                continue;
            };
            entries.put_behind(last.sent, at);
            if let Some(entry) = entries.at_mut(at) {
                entry.leave(connection, place, now, due);
            }
            last.sent = at;
        }
        let mut resender = !sent.is_empty() && std::mem::take(&mut state.idle);
        // Dropped when the lock is released: the destructor of a payload is a user's.
        let mut acknowledged = Vec::with_capacity(heard.len());
        let mut latencies = self.0.observed.latencies(now);
        let mut reached = None;
        for &id in heard {
            let state = &mut *state;
            let Some((at, entry)) = state.entries.find_near(id, last.behind_heard) else {
                continue;
            };
            last.behind_heard = entry.behind;
            if !entry.has_left_by(connection) {
                continue;
            }
            if entry.connection() == connection {
                reached = reached.max(Some(entry.place));
            }
            resender |= entry.suspect;
            let Some(entry) = state.take(at, true) else {
                continue;
            };
            if let Some(latencies) = &mut latencies {
                latencies.add(entry.left);
            }
            acknowledged.push((entry.message, entry.waiter));
        }
        state.connections.set_last(connection, last);
        if let Some(place) = reached {
            state.connections.reached(connection, place, now);
        }
        let producers = match heard.is_empty() {
            true => Default::default(),
            false => state.producers.take(),
        };
        let resender = state.resender_if(resender);
        drop(state);
        for waiter in acknowledged.into_iter().filter_map(|(_, waiter)| waiter) {
            // The sender may no longer wait.
            let _ = waiter.send(Ok(()));
        }
        producers.wake();
        resender.wake();
        if let Some(latencies) = latencies {
            latencies.report();
        }
    }

    /// Notes that a connection has ended: its messages are due at once, except for those to which
    /// that has happened just before.
    pub(super) fn connection_ended(&self, connection: u64) {
        let now = Instant::now();
        let pace = PACE.min(self.0.settings.timeout);
        let mut state = self.lock();
        let mut any = false;
        let State {
            entries,
            connections,
            suspects,
            ..
        } = &mut *state;
        connections.remove(connection);
        for entry in entries.iter_mut() {
            let lost = entry.lose(connection, now, pace);
            if lost && std::mem::take(&mut entry.suspect) {
                suspects.release(entry.message.peer(), false);
            }
            any |= lost;
        }
        if !any {
            return;
        }
        let woken = state.resender.take();
        drop(state);
        woken.wake();
    }
}

impl State {
    /// Removes a message, with its place among the suspects.
    pub(super) fn remove(&mut self, id: MessageId, well: bool) -> Option<Entry> {
        let (at, _) = self.entries.find(id)?;
        self.take(at, well)
    }

    /// The same, for the message at this place.
    #[inline]
    fn take(&mut self, at: usize, well: bool) -> Option<Entry> {
        let entry = self.entries.take_at(at)?;
        if entry.suspect {
            self.suspects.release(entry.message.peer(), well);
        }
        if self.entries.len() == 0 {
            self.suspects.clear();
        }
        Some(entry)
    }

    fn resender_if(&mut self, wanted: bool) -> Woken {
        match wanted {
            true => self.resender.take(),
            false => Woken::default(),
        }
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

//! Events that wait for listeners, each kept once for all of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll};

use aiomsg_core::sync::{Mutex, MutexGuard};
use aiomsg_core::{Limits, Weight};
use aiomsg_layers::queue::WakerList;

use super::events::Event;

/// Events, bounded in number and in the bytes of their messages. Beyond that the oldest
/// are dropped, whether or not every listener has seen them. If more than half are about
/// connections, the oldest of those go, so that peers that come and go do not push out other
/// events.
#[derive(Debug, Clone)]
pub(super) struct EventLog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Events about connections, and all others: each with its number, in order.
    rows: [VecDeque<(u64, Event)>; 2],
    bytes: usize,
    /// The number of the next event to add.
    next: u64,
    /// The next event of each listener.
    listeners: BTreeMap<u64, u64>,
    next_listener: u64,
    ended: bool,
    waiting: WakerList,
}

/// The next news of a listener.
pub(super) enum Heard {
    Event(Event),
    /// The number of events that were dropped before it had seen them.
    Missed(u64),
    /// The end of all events.
    End,
}

/// Removed events, to drop after the log is unlocked: a payload may run a user's
/// destructor.
#[derive(Default)]
struct Gone {
    one: Option<Event>,
    more: Vec<Event>,
}

impl EventLog {
    pub(super) fn new(limits: Limits) -> Self {
        Self(Arc::new(Shared {
            limits,
            state: Mutex::default(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock()
    }

    /// Adds an event, if there is a listener.
    pub(super) fn add(&self, event: Event) {
        let mut state = self.lock();
        if state.ended || state.listeners.is_empty() {
            drop(state);
            return;
        }
        let mut gone = Gone::default();
        let bytes = event.weight();
        while state.len() > 0 && !self.fits(&state, bytes) {
            let row = state.row_to_give_way(self.0.limits.items);
            state.pop(row, &mut gone);
        }
        state.bytes += bytes;
        let number = state.next;
        state.next += 1;
        state.rows[usize::from(!event.is_about_a_connection())].push_back((number, event));
        let woken = state.waiting.take();
        drop(state);
        drop(gone);
        woken.wake();
    }

    /// A single event above the bound is kept alone.
    fn fits(&self, state: &State, bytes: usize) -> bool {
        let Limits { items, bytes: most } = self.0.limits;
        state.len() < items && state.bytes.saturating_add(bytes) <= most
    }

    /// Ends the events.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        let woken = state.waiting.take();
        drop(state);
        woken.wake();
    }

    /// Adds a listener.
    pub(super) fn listen(&self) -> Listener {
        let mut state = self.lock();
        let number = state.next_listener;
        state.next_listener += 1;
        let next = state.next;
        state.listeners.insert(number, next);
        Listener {
            log: self.clone(),
            number,
        }
    }
}

impl State {
    fn len(&self) -> usize {
        self.rows.iter().map(VecDeque::len).sum()
    }

    /// The row whose first event is the oldest of all.
    fn oldest(&self) -> usize {
        let first = |row: &VecDeque<(u64, Event)>| row.front().map_or(u64::MAX, |it| it.0);
        usize::from(first(&self.rows[0]) > first(&self.rows[1]))
    }

    fn row_to_give_way(&self, items: usize) -> usize {
        let connections = self.rows[0].len();
        match connections > 0 && connections >= items / 2 {
            true => 0,
            false => self.oldest(),
        }
    }

    fn pop(&mut self, row: usize, gone: &mut Gone) {
        if let Some((_, event)) = self.rows[row].pop_front() {
            self.bytes -= event.weight();
            gone.more.extend(gone.one.replace(event));
        }
    }

    /// The first event from this number on, with its number.
    fn first_from(&self, number: u64) -> Option<&(u64, Event)> {
        let first = |row: &'_ VecDeque<(u64, Event)>| row.partition_point(|it| it.0 < number);
        let found = self.rows.iter().filter_map(|row| row.get(first(row)));
        found.min_by_key(|it| it.0)
    }

    /// Notes that a listener has seen, or missed, this many events.
    fn seen(&mut self, listener: u64, count: u64) {
        if let Some(next) = self.listeners.get_mut(&listener) {
            *next += count;
        }
    }

    /// Removes the events that every listener has seen.
    fn trim(&mut self, gone: &mut Gone) {
        let seen = self.listeners.values().min().copied().unwrap_or(u64::MAX);
        for row in 0..self.rows.len() {
            while self.rows[row].front().is_some_and(|it| it.0 < seen) {
                self.pop(row, gone);
            }
        }
    }
}

/// A listener to the events.
#[derive(Debug)]
pub(super) struct Listener {
    log: EventLog,
    number: u64,
}

impl Listener {
    /// Polls for the next event.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        let mut gone = Gone::default();
        let mut state = self.log.lock();
        let Some(&wanted) = state.listeners.get(&self.number) else {
            return Poll::Ready(Heard::End);
        };
        let Some((number, event)) = state.first_from(wanted).cloned() else {
            // The events in between are gone, and none has come since.
            let missed = state.next - wanted;
            if missed > 0 {
                state.seen(self.number, missed);
                return Poll::Ready(Heard::Missed(missed));
            }
            if state.ended {
                return Poll::Ready(Heard::End);
            }
            state.waiting.register(cx.waker());
            return Poll::Pending;
        };
        if number > wanted {
            state.seen(self.number, number - wanted);
            return Poll::Ready(Heard::Missed(number - wanted));
        }
        state.seen(self.number, 1);
        state.trim(&mut gone);
        drop(state);
        drop(gone);
        Poll::Ready(Heard::Event(event))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut gone = Gone::default();
        let mut state = self.log.lock();
        state.listeners.remove(&self.number);
        state.trim(&mut gone);
        drop(state);
        drop(gone);
    }
}

#[cfg(test)]
mod tests;

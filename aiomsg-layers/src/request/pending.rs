use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aiomsg_core::Identity;
use aiomsg_core::sync::{Mutex, MutexGuard};
use bytes::Bytes;

use super::failure::Status;
use super::ids::{self, Ids};
use crate::queue::{WakerList, Woken};

/// The requests that wait for their answers.
pub(super) struct Pending {
    ids: Ids,
    state: Mutex<State>,
}

struct State {
    /// The number of the next request.
    next: u64,
    limit: usize,
    requests: HashMap<u64, Entry>,
    late: u64,
    unknown: u64,
    /// Tasks that wait for room.
    askers: WakerList,
    /// The number of receivers of answers.
    listeners: usize,
}

struct Entry {
    /// The peer that may answer, or `None` for any.
    peer: Option<Identity>,
    /// The answer, until its future takes it. Until then it counts as pending, so the limit
    /// bounds answers too.
    outcome: Option<Outcome>,
    /// The last try that failed, of a request that is sent again.
    failed: Option<Box<Failed>>,
    waker: Option<Waker>,
}

/// The end of a request.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Answered(Bytes),
    /// The peer did not handle it.
    Failed(Failed),
    /// Its time is up, and this was the last try.
    OutOfTime(Failed),
    /// No receiver of answers is left.
    Unheard,
}

/// What a peer says of a request that it did not handle.
#[derive(Debug, Clone)]
pub(super) struct Failed {
    pub(super) by: Identity,
    pub(super) reason: Box<str>,
}

impl Pending {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            ids: Ids::new(),
            state: Mutex::new(State {
                next: 0,
                limit,
                requests: HashMap::new(),
                late: 0,
                unknown: 0,
                askers: WakerList::default(),
                listeners: 0,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements that can panic.
        self.state.lock()
    }

    pub(super) fn set_limit(&self, limit: usize) {
        let mut state = self.lock();
        state.limit = limit;
        let woken = state.has_room();
        drop(state);
        woken.wake();
    }

    pub(super) fn len(&self) -> usize {
        self.lock().requests.len()
    }

    pub(super) fn late(&self) -> u64 {
        self.lock().late
    }

    pub(super) fn unknown(&self) -> u64 {
        self.lock().unknown
    }

    // ===== asking =====

    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.requests.len() < state.limit {
            return Poll::Ready(());
        }
        state.askers.register(cx.waker());
        Poll::Pending
    }

    /// Adds a request to the table.
    pub(super) fn insert(self: &Arc<Self>, peer: Option<Identity>) -> Ticket {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        let entry = Entry {
            peer,
            outcome: None,
            failed: None,
            waker: None,
        };
        state.requests.insert(number, entry);
        Ticket {
            number,
            pending: Some(Arc::clone(self)),
            id: self.ids.id_of(number),
        }
    }

    fn remove(&self, number: u64) -> Option<Outcome> {
        let mut state = self.lock();
        let entry = state.requests.remove(&number);
        let woken = state.has_room();
        drop(state);
        woken.wake();
        let entry = entry?;
        let out_of_time = |failed: Box<Failed>| Outcome::OutOfTime(*failed);
        entry.outcome.or_else(|| entry.failed.map(out_of_time))
    }

    // ===== answers =====

    /// Gives an answer to its request, or counts it.
    pub(super) fn answer(&self, from: &Identity, id: &[u8], status: Status, answer: Bytes) {
        let number = self.ids.number_of(id);
        let mut state = self.lock();
        let Some(number) = number.filter(|number| *number < state.next) else {
            state.unknown += 1;
            return;
        };
        let entry = match state.requests.get_mut(&number) {
            Some(entry) if entry.peer.as_ref().is_some_and(|peer| peer != from) => {
                state.unknown += 1;
                return;
            }
            Some(entry) if entry.outcome.is_none() => entry,
            _ => {
                state.late += 1;
                return;
            }
        };
        let failed = |reason| Failed {
            by: from.clone(),
            reason,
        };
        entry.outcome = Some(match status {
            Status::Ok => Outcome::Answered(answer),
            Status::Failed(reason) => Outcome::Failed(failed(reason)),
            Status::Retried(reason) => {
                let last = entry.failed.replace(Box::new(failed(reason)));
                drop(state);
                drop(last);
                return;
            }
        });
        let waker = entry.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends all requests, because the last receiver of answers is gone.
    fn unheard(&self) {
        let mut wakers = Vec::new();
        let mut state = self.lock();
        state.listeners -= 1;
        if state.listeners == 0 {
            for entry in state.requests.values_mut() {
                entry.outcome.get_or_insert(Outcome::Unheard);
                wakers.extend(entry.waker.take());
            }
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl State {
    /// The tasks to wake, if there is room for them.
    fn has_room(&mut self) -> Woken {
        match self.requests.len() < self.limit {
            true => self.askers.take(),
            false => Woken::default(),
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Pending")
            .field("len", &state.requests.len())
            .field("limit", &state.limit)
            .field("late", &state.late)
            .field("unknown", &state.unknown)
            .finish_non_exhaustive()
    }
}

/// A request's place in the table. When it is dropped, the place is free.
#[derive(Debug)]
pub(super) struct Ticket {
    number: u64,
    id: [u8; ids::LEN],
    /// `None` if the place is free already.
    pending: Option<Arc<Pending>>,
}

impl Ticket {
    /// The id of the request on the wire.
    pub(super) fn id(&self) -> &[u8] {
        &self.id
    }

    /// Ready once, with the answer, or when none can come.
    pub(super) fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Some(pending) = &self.pending else {
            return Poll::Pending;
        };
        let mut state = pending.lock();
        let Some(entry) = state.requests.get_mut(&self.number) else {
            return Poll::Pending;
        };
        if entry.outcome.is_none() {
            match &mut entry.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                waker => *waker = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        drop(state);
        self.free().map_or(Poll::Pending, Poll::Ready)
    }

    /// Frees the place, and returns an answer that came at the last moment, or the last try
    /// that failed.
    pub(super) fn free(&mut self) -> Option<Outcome> {
        self.pending.take()?.remove(self.number)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.free();
    }
}

/// A receiver of answers. When the last one is dropped, all waiting requests end.
#[derive(Debug)]
pub(super) struct Listener(Arc<Pending>);

impl Listener {
    pub(super) fn new(pending: &Arc<Pending>) -> Self {
        pending.lock().listeners += 1;
        Self(Arc::clone(pending))
    }

    pub(super) fn pending(&self) -> &Pending {
        &self.0
    }
}

impl Clone for Listener {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.unheard();
    }
}

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use aiomsg_core::queue::WakerList;
use aiomsg_core::{Identity, MessageId};
use tokio::time::Instant;

/// What names a message.
pub(super) type Key = (Identity, MessageId);

/// What was handled lately, and what is being handled.
pub(super) struct Window {
    limit: usize,
    keep: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: HashMap<Key, Entry>,
    /// What was handled, the oldest first.
    handled: VecDeque<(Instant, Key)>,
}

enum Entry {
    /// In hand: who waits for the outcome.
    InHand(Arc<Mutex<Waiting>>),
    Handled,
}

#[derive(Default)]
struct Waiting {
    outcome: Option<bool>,
    tasks: WakerList,
}

/// What is known of a message that has come.
pub(super) enum Known {
    /// It is new, and in the hands of whoever asked.
    New(InHand),
    /// It is in the hands of somebody else.
    Elsewhere(Outcome),
    /// It was handled.
    Handled,
}

impl Window {
    pub(super) fn new(limit: usize, keep: Duration) -> Self {
        Self {
            limit,
            keep,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks a message up, and takes it in hand if it is new.
    pub(super) fn look(self: &Arc<Self>, key: Key) -> Known {
        let mut state = self.lock();
        state.forget_before(Instant::now().checked_sub(self.keep));
        match state.entries.get(&key) {
            Some(Entry::Handled) => Known::Handled,
            Some(Entry::InHand(waiting)) => Known::Elsewhere(Outcome(Arc::clone(waiting))),
            None => {
                let waiting = Arc::default();
                let entry = Entry::InHand(Arc::clone(&waiting));
                state.entries.insert(key.clone(), entry);
                Known::New(InHand {
                    window: Arc::clone(self),
                    key,
                    waiting,
                    handled: false,
                })
            }
        }
    }

    fn settle(&self, key: &Key, handled: bool) {
        let mut state = self.lock();
        if !handled {
            state.entries.remove(key);
            return;
        }
        state.entries.insert(key.clone(), Entry::Handled);
        state.handled.push_back((Instant::now(), key.clone()));
        while state.handled.len() > self.limit {
            state.forget_oldest();
        }
    }
}

impl State {
    fn forget_before(&mut self, then: Option<Instant>) {
        // `None`: the clock has not run for as long yet.
        while let (Some((since, _)), Some(then)) = (self.handled.front(), then)
            && *since < then
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.handled.pop_front() {
            self.entries.remove(&key);
        }
    }
}

/// A message in hand. Dropped without being handled, it may come again.
pub(super) struct InHand {
    window: Arc<Window>,
    key: Key,
    waiting: Arc<Mutex<Waiting>>,
    handled: bool,
}

impl InHand {
    pub(super) fn handled(mut self) {
        self.handled = true;
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        // The window first: who is woken may look.
        self.window.settle(&self.key, self.handled);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.outcome = Some(self.handled);
        let woken = waiting.tasks.take();
        drop(waiting);
        woken.wake();
    }
}

/// What will become of a message that somebody else has in hand.
pub(super) struct Outcome(Arc<Mutex<Waiting>>);

impl Outcome {
    /// Whether it was handled.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.outcome {
            Some(handled) => Poll::Ready(handled),
            None => {
                waiting.tasks.register(cx.waker());
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window")
            .field("limit", &self.limit)
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}

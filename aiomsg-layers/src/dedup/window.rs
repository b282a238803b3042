use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aiomsg_core::sync::{Mutex, MutexGuard};
use aiomsg_core::{Identity, MessageId};
use tokio::time::Instant;

use super::peers::{Bounds, Peers};
use crate::queue::WakerList;

/// The key of a message.
pub(super) type Key = (Identity, MessageId);

/// Messages that were handled lately, and those being handled.
pub(super) struct Window {
    keep: Duration,
    state: Mutex<State>,
}

struct State {
    /// Messages being handled, with the tasks that wait for the outcome. There is one for
    /// each future that the caller holds, whichever peer it is from.
    in_hand: HashMap<Key, Arc<Mutex<Waiting>>>,
    handled: Peers,
}

#[derive(Default)]
struct Waiting {
    outcome: Option<bool>,
    tasks: WakerList,
}

/// The state of a message that has come.
pub(super) enum Known {
    /// It is new, and the caller handles it.
    New(InHand),
    /// Another caller handles it.
    Elsewhere(Outcome),
    /// It was handled.
    Handled,
}

impl Window {
    pub(super) fn new(bounds: Bounds, keep: Duration) -> Self {
        Self {
            keep,
            state: Mutex::new(State {
                in_hand: HashMap::new(),
                handled: Peers::new(bounds),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Looks a message up, and marks it as being handled if it is new.
    pub(super) fn look(self: &Arc<Self>, key: Key) -> Known {
        let mut state = self.lock();
        let then = Instant::now().checked_sub(self.keep);
        if state.handled.contains(&key.0, &key.1, then) {
            return Known::Handled;
        }
        match state.in_hand.entry(key) {
            Entry::Occupied(waiting) => Known::Elsewhere(Outcome(Arc::clone(waiting.get()))),
            Entry::Vacant(vacant) => {
                let key = vacant.key().clone();
                let waiting = Arc::clone(vacant.insert(Arc::default()));
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
        state.in_hand.remove(key);
        if handled {
            let now = Instant::now();
            let then = now.checked_sub(self.keep);
            state.handled.insert(&key.0, key.1, now, then);
        }
    }
}

/// A message being handled. If this is dropped before it is handled, it may come again.
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
        // The window first, because a woken task may look.
        self.window.settle(&self.key, self.handled);
        let mut waiting = self.waiting.lock();
        waiting.outcome = Some(self.handled);
        let woken = waiting.tasks.take();
        drop(waiting);
        woken.wake();
    }
}

/// The outcome of a message that another caller handles.
pub(super) struct Outcome(Arc<Mutex<Waiting>>);

impl Outcome {
    /// Whether it was handled.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut waiting = self.0.lock();
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
            .field("bounds", &self.lock().handled.bounds())
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}

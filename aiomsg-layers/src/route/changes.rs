use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use aiomsg_core::Identity;
use futures_core::Stream;
use tower::discover::Change;

use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// A changing set of peers: the end that tells of changes, and the end that
/// hears of them, which is a [`Discover`](tower::discover::Discover).
///
/// There is one change for each connection that comes or goes, so whatever
/// bounds the connections bounds the changes.
pub fn changes<P>() -> (Registrar<P>, Changes<P>) {
    let shared = Arc::new(Shared {
        any: AtomicBool::new(false),
        state: Mutex::new(State {
            changes: VecDeque::new(),
            waker: None,
        }),
    });
    let changes = Changes {
        shared: Arc::clone(&shared),
        registered: None,
    };
    (Registrar(shared), changes)
}

struct Shared<P> {
    /// Whether there are changes: asked with every message, so without a lock.
    any: AtomicBool,
    state: Mutex<State<P>>,
}

struct State<P> {
    changes: VecDeque<Change<Identity, P>>,
    waker: Option<Waker>,
}

impl<P> Shared<P> {
    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, change: Change<Identity, P>) {
        let mut state = self.lock();
        state.changes.push_back(change);
        self.any.store(true, Ordering::Release);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Tells of peers that come and go.
pub struct Registrar<P>(Arc<Shared<P>>);

impl<P> Registrar<P> {
    /// A peer came.
    pub fn insert(&self, identity: Identity, peer: P) {
        self.0.push(Change::Insert(identity, peer));
    }

    /// A peer went.
    pub fn remove(&self, identity: Identity) {
        self.0.push(Change::Remove(identity));
    }
}

impl<P> Clone for Registrar<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P> fmt::Debug for Registrar<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registrar")
    }
}

/// Hears of peers that come and go.
pub struct Changes<P> {
    shared: Arc<Shared<P>>,
    /// The waker that is registered, unless it was taken since: then there are
    /// changes. Most looks find nothing new, and take no lock.
    registered: Option<Waker>,
}

impl<P> Stream for Changes<P> {
    type Item = Result<Change<Identity, P>, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let waker = cx.waker();
        if !this.shared.any.load(Ordering::Acquire)
            && let Some(registered) = &this.registered
            && registered.will_wake(waker)
        {
            return Poll::Pending;
        }
        let mut state = this.shared.lock();
        let change = state.changes.pop_front();
        let any = !state.changes.is_empty();
        this.shared.any.store(any, Ordering::Release);
        if change.is_none() {
            state.waker = Some(waker.clone());
        }
        drop(state);
        match change {
            Some(change) => {
                this.registered = None;
                Poll::Ready(Some(Ok(change)))
            }
            None => {
                this.registered = Some(waker.clone());
                Poll::Pending
            }
        }
    }
}

impl<P> fmt::Debug for Changes<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Changes")
    }
}

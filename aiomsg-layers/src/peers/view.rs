use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use aiomsg_core::{Identity, Outbound, hook};
use indexmap::IndexMap;

use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// What a service that sends to peers hears of them.
pub(crate) enum News<P> {
    /// A peer came.
    Came(Identity, P),
    /// A peer went, and had not been sent this.
    Went {
        identity: Identity,
        left: VecDeque<Outbound>,
        /// See [`Left`](super::take_back::Left).
        behind: bool,
    },
    /// Another service has used the last room of a peer.
    Filled(Identity),
}

/// What one service has yet to hear.
pub(super) struct Inbox<P> {
    /// Whether there is anything: asked with every message, so without a lock.
    any: AtomicBool,
    state: Mutex<State<P>>,
}

struct State<P> {
    news: VecDeque<News<P>>,
    waker: Option<Waker>,
}

impl<P: Clone> Inbox<P> {
    /// These are connected.
    pub(super) fn new(peers: &IndexMap<Identity, P>) -> Arc<Self> {
        let came = |(identity, peer): (&Identity, &P)| News::Came(identity.clone(), peer.clone());
        let news: VecDeque<_> = peers.iter().map(came).collect();
        Arc::new(Self {
            any: AtomicBool::new(!news.is_empty()),
            state: Mutex::new(State { news, waker: None }),
        })
    }
}

impl<P> Inbox<P> {
    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, news: News<P>) {
        self.lock().news.push_back(news);
        self.any.store(true, Ordering::Release);
    }

    pub(super) fn wake(&self) {
        let waker = self.lock().waker.take();
        if let Some(waker) = waker {
            hook::tell(move || waker.wake());
        }
    }
}

/// A service's view of the peers.
pub(crate) struct View<P> {
    inbox: Arc<Inbox<P>>,
    /// The waker that is registered, unless it was taken since: then there is news. Most
    /// looks find nothing new, and take no lock.
    registered: Option<Waker>,
}

impl<P> View<P> {
    pub(super) fn new(inbox: Arc<Inbox<P>>) -> Self {
        Self {
            inbox,
            registered: None,
        }
    }

    /// Whether there is nothing to hear, and the task will be woken when there is.
    #[inline]
    pub(crate) fn is_quiet(&self, cx: &Context<'_>) -> bool {
        let known = |registered: &Waker| registered.will_wake(cx.waker());
        !self.inbox.any.load(Ordering::Acquire) && self.registered.as_ref().is_some_and(known)
    }

    /// What happened next.
    pub(crate) fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<News<P>> {
        if self.is_quiet(cx) {
            return Poll::Pending;
        }
        let mut state = self.inbox.lock();
        let news = state.news.pop_front();
        let any = !state.news.is_empty();
        self.inbox.any.store(any, Ordering::Release);
        let known = match news {
            Some(_) => None,
            None => Some(cx.waker().clone()),
        };
        let old = std::mem::replace(&mut state.waker, known.clone());
        drop(state);
        // Its destructor may be a user's.
        drop(old);
        self.registered = known;
        match news {
            Some(news) => Poll::Ready(news),
            None => Poll::Pending,
        }
    }
}

impl<P> fmt::Debug for View<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("View")
    }
}

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aiomsg_core::{Identity, Outbound, hook};
use indexmap::IndexMap;

use crate::sync::{Mutex, MutexGuard};

/// A change to the peers, for a service that sends to them.
pub(crate) enum News<P> {
    /// A peer came.
    Came(Identity, P),
    /// A peer went, with these unsent messages.
    Went {
        identity: Identity,
        left: VecDeque<Outbound>,
        /// See [`Left`](super::take_back::Left).
        behind: bool,
    },
    /// Another service has used the last room of a peer.
    Filled(Identity),
}

/// The unread news of one service.
pub(super) struct Inbox<P>(Mutex<State<P>>);

struct State<P> {
    news: VecDeque<News<P>>,
    waker: Option<Waker>,
}

impl<P: Clone> Inbox<P> {
    /// Begins with these connected peers.
    pub(super) fn new(peers: &IndexMap<Identity, P>) -> Arc<Self> {
        let came = |(identity, peer): (&Identity, &P)| News::Came(identity.clone(), peer.clone());
        Arc::new(Self(Mutex::new(State {
            news: peers.iter().map(came).collect(),
            waker: None,
        })))
    }
}

impl<P> Inbox<P> {
    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.0.lock()
    }

    pub(super) fn push(&self, news: News<P>) {
        self.lock().news.push_back(news);
    }

    pub(super) fn wake(&self) {
        let waker = self.lock().waker.take();
        if let Some(waker) = waker {
            hook::tell(move || waker.wake());
        }
    }
}

/// A service's view of the peers.
pub(crate) struct View<P>(pub(super) Arc<Inbox<P>>);

impl<P> View<P> {
    /// Returns the next news, or wakes the task when there is some.
    pub(crate) fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<News<P>> {
        let mut state = self.0.lock();
        if let Some(news) = state.news.pop_front() {
            return Poll::Ready(news);
        }
        let old = state.waker.replace(cx.waker().clone());
        drop(state);
        // Its destructor may be a user's.
        drop(old);
        Poll::Pending
    }
}

impl<P> fmt::Debug for View<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("View")
    }
}

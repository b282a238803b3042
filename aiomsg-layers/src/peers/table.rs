use std::fmt;
use std::sync::Arc;

use aiomsg_core::hook::Holding;
use aiomsg_core::{Discard, Identity, Outbound};
use indexmap::IndexMap;

use super::take_back::{drop_all, is_for_anyone, take_back};
use super::view::{Inbox, News, View};
use crate::queue::{Peer, Queue};
use crate::sync::{Mutex, MutexGuard};

/// The connected peers. See the [module](super).
///
/// A clone is a handle to the same table.
///
/// There is one change for each connection that comes or goes, so a bound on the connections
/// bounds the changes.
pub struct Peers<P>(Arc<Shared<P>>);

struct Shared<P> {
    discard: Discard,
    state: Mutex<State<P>>,
}

struct State<P> {
    peers: IndexMap<Identity, P>,
    /// The news for each of the two services, if it exists.
    by_identity: Option<Arc<Inbox<P>>>,
    distribute: Option<Arc<Inbox<P>>>,
}

impl<P> Peers<P> {
    /// An empty table. Messages that the table or its services drop go to `discard`.
    pub fn new(discard: Discard) -> Self {
        Self(Arc::new(Shared {
            discard,
            state: Mutex::new(State {
                peers: IndexMap::new(),
                by_identity: None,
                distribute: None,
            }),
        }))
    }

    /// Where dropped messages go.
    pub fn discard(&self) -> &Discard {
        &self.0.discard
    }

    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.0.state.lock()
    }
}

impl<P: Peer + Clone> Peers<P> {
    /// Adds a peer, in the place of one of the same identity.
    pub fn insert(&self, identity: Identity, peer: P) {
        let _holding = Holding::new(&*self.0);
        let mut state = self.lock();
        let old = state.peers.insert(identity.clone(), peer.clone());
        if let Some(old) = old {
            self.went(&state, &identity, old);
        }
        let inboxes = [&state.by_identity, &state.distribute].map(Clone::clone);
        if let Some(inbox) = &inboxes[0] {
            inbox.push(News::Came(identity.clone(), peer.clone()));
        }
        if let Some(inbox) = &inboxes[1] {
            inbox.push(News::Came(identity, peer));
        }
        drop(state);
        wake(inboxes);
    }

    /// Removes a peer whose connection has ended, and takes back its unsent messages.
    pub fn remove(&self, identity: &Identity) {
        let _holding = Holding::new(&*self.0);
        let mut state = self.lock();
        // The next connection finds its place.
        let Some(old) = state.peers.swap_remove(identity) else {
            return;
        };
        self.went(&state, identity, old);
        let inboxes = [&state.by_identity, &state.distribute].map(Clone::clone);
        drop(state);
        wake(inboxes);
    }

    fn went(&self, state: &State<P>, identity: &Identity, mut peer: P) {
        let left = take_back(&mut peer, &self.0.discard);
        match &state.by_identity {
            Some(inbox) => inbox.push(News::Went {
                identity: identity.clone(),
                left: left.own,
                behind: left.behind,
            }),
            None => drop_all(left.own, &self.0.discard),
        }
        match &state.distribute {
            Some(inbox) => inbox.push(News::Went {
                identity: identity.clone(),
                left: left.anyone,
                behind: false,
            }),
            None => drop_all(left.anyone, &self.0.discard),
        }
    }

    /// The view of [`ByIdentity`](crate::ByIdentity).
    pub(crate) fn by_identity(&self) -> View<P> {
        let mut state = self.lock();
        let inbox = Inbox::new(&state.peers);
        state.by_identity = Some(Arc::clone(&inbox));
        View(inbox)
    }

    /// The view of [`Distribute`](crate::Distribute).
    pub(crate) fn distribute(&self) -> View<P> {
        let mut state = self.lock();
        let inbox = Inbox::new(&state.peers);
        state.distribute = Some(Arc::clone(&inbox));
        View(inbox)
    }

    /// Notes that an addressed message has used the last room of a peer.
    pub(crate) fn filled(&self, identity: &Identity) {
        let inbox = self.lock().distribute.clone();
        if let Some(inbox) = inbox {
            inbox.push(News::Filled(identity.clone()));
            inbox.wake();
        }
    }
}

impl Peers<Queue<Outbound>> {
    /// Gives a peer no more messages, and takes back the ones in its queue that are for
    /// anyone: they go to other peers. Its session sends the rest, and
    /// [`remove`](Peers::remove) takes back what is unsent then.
    pub fn withdraw(&self, identity: &Identity) {
        let _holding = Holding::new(&*self.0);
        let state = self.lock();
        let (Some(queue), Some(inbox)) = (state.peers.get(identity), &state.distribute) else {
            return;
        };
        inbox.push(News::Went {
            identity: identity.clone(),
            left: queue.withdraw(is_for_anyone),
            behind: false,
        });
        let inbox = Arc::clone(inbox);
        drop(state);
        inbox.wake();
    }
}

fn wake<P>(inboxes: [Option<Arc<Inbox<P>>>; 2]) {
    for inbox in inboxes.into_iter().flatten() {
        inbox.wake();
    }
}

impl<P> Clone for Peers<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P> fmt::Debug for Peers<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers")
            .field("connected", &self.lock().peers.len())
            .finish_non_exhaustive()
    }
}

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use aiomsg_core::{Identity, Outbound};
use futures_core::Stream;
use tower::Service;
use tower::balance::p2c::Balance;
use tower::discover::Change;
use tower::load::Load;

use super::Loaded;
use crate::queue::{Closed, Peer};
use crate::route::{PeerSet, Policy, Refused};

/// The less loaded of two peers that are drawn by lot, which comes close to the
/// least loaded of all, and looks at no more than two however many there are.
/// One whose queue is full is passed over.
///
/// The load is what [waits](Peer::waiting) for a peer, so a slow one gets less
/// without being measured. The choice is that of tower's own
/// [`Balance`], which makes a small allocation per message;
/// [`RoundRobin`](crate::route::RoundRobin) costs none.
///
/// A choice is made when the policy is asked whether it is ready. It is not
/// made again if the loads change before the message comes.
///
/// ```
/// use aiomsg_core::{Discard, Identity, Limits, Outbound};
/// use aiomsg_layers::queue::Queue;
/// use aiomsg_layers::Router;
/// use aiomsg_layers::route::{LeastLoaded, changes};
/// use tower::{Service, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower::BoxError> {
/// let (registrar, changes) = changes();
/// let mut router = Router::new(changes, LeastLoaded::new(), Discard::new(|_| {}));
///
/// let limits = Limits { items: 100, bytes: 1 << 20 };
/// let (busy, idle) = (Queue::new(limits), Queue::new(limits));
/// busy.push(Outbound::new("a long message that waits already"))?;
/// idle.push(Outbound::new("short"))?;
/// registrar.insert(Identity::new("idle")?, idle.clone());
/// registrar.insert(Identity::new("busy")?, busy.clone());
///
/// for _ in 0..4 {
///     router.ready().await?.call(Outbound::new("hello")).await?;
/// }
/// assert_eq!((busy.items(), idle.items()), (1, 5));
/// # Ok(())
/// # }
/// ```
pub struct LeastLoaded<P: Peer> {
    balance: Balance<Feed<P>, Outbound>,
    feed: Feed<P>,
    refused: Slot,
    /// The balancer has chosen a peer, and may be called.
    ready: bool,
    /// The task that last asked: the only one the balancer knows.
    task: Waker,
}

impl<P: Peer + Clone> LeastLoaded<P> {
    /// Balances over the peers that it is told of.
    pub fn new() -> Self {
        let feed = Feed::default();
        Self {
            balance: Balance::new(feed.clone()),
            feed,
            refused: Slot::default(),
            ready: false,
            task: Waker::noop().clone(),
        }
    }

    fn poll_balance(&mut self) {
        let mut cx = Context::from_waker(&self.task);
        self.ready = matches!(self.balance.poll_ready(&mut cx), Poll::Ready(Ok(())));
    }

    /// Tells the balancer at once. So changes do not pile up while nothing is
    /// sent, and it keeps no peer that is gone.
    fn tell(&mut self, change: News<P>) {
        lock(&self.feed.0).push_back(change);
        self.poll_balance();
    }

    /// Places a message without the balancer, which has dropped every peer that
    /// the router still has: names one that has ended. If there is none, nobody
    /// told the balancer of these peers, and the least loaded gets it.
    fn place_unbalanced(&self, peers: &mut PeerSet<P>, message: Outbound) -> Result<(), Refused> {
        let mut cx = Context::from_waker(&self.task);
        let refused = |message, position| {
            Err(Refused {
                message,
                position: Some(position),
            })
        };
        let mut best = (true, usize::MAX, 0);
        for (position, (_, peer)) in peers.iter_mut().enumerate() {
            let full = match peer.poll_room(&mut cx) {
                Poll::Ready(Err(Closed(()))) => return refused(message, position),
                Poll::Ready(Ok(())) => false,
                Poll::Pending => true,
            };
            best = best.min((full, peer.waiting(), position));
        }
        let (.., position) = best;
        match peers.at(position) {
            None => refused(message, position),
            Some(peer) => match peer.push(message) {
                Ok(()) => Ok(()),
                Err(Closed(message)) => refused(message, position),
            },
        }
    }
}

impl<P: Peer + Clone> Policy<P> for LeastLoaded<P> {
    fn poll_ready(&mut self, peers: &mut PeerSet<P>, cx: &mut Context<'_>) -> Poll<()> {
        self.task.clone_from(cx.waker());
        self.poll_balance();
        if self.ready {
            return Poll::Ready(());
        }
        if !self.balance.is_empty() {
            return Poll::Pending;
        }
        // It dropped all that are here, since their connections have ended.
        // Placing finds that out, and the router takes them out of its set.
        let mut any = Poll::Pending;
        for (_, peer) in peers.iter_mut() {
            if peer.poll_room(cx).is_ready() {
                any = Poll::Ready(());
            }
        }
        any
    }

    /// The one with the fewest bytes waiting.
    fn overfull(&mut self, peers: &mut PeerSet<P>, _: &Outbound) -> Option<Vec<usize>> {
        let all = peers.iter_mut().enumerate();
        let least = all.min_by_key(|(_, (_, peer))| peer.waiting());
        least.map(|(position, _)| vec![position])
    }

    fn place(&mut self, peers: &mut PeerSet<P>, message: Outbound) -> Result<(), Refused> {
        if !self.ready {
            return self.place_unbalanced(peers, message);
        }
        self.ready = false;
        // A member does its work in the call, so this future has no more to do.
        let placed = pin!(self.balance.call(message));
        if let Poll::Ready(Ok(())) = placed.poll(&mut Context::from_waker(Waker::noop())) {
            return Ok(());
        }
        let Some((identity, message)) = lock(&self.refused.0).take() else {
            return Ok(());
        };
        let position = peers.iter_mut().position(|(known, _)| *known == identity);
        match position {
            None => self.place_unbalanced(peers, message),
            position => Err(Refused { message, position }),
        }
    }

    fn peer_came(&mut self, identity: &Identity, peer: &P) {
        let member = Member {
            identity: identity.clone(),
            peer: Loaded::new(peer.clone()),
            refused: self.refused.clone(),
        };
        self.tell(Change::Insert(identity.clone(), member));
    }

    fn peer_went(&mut self, identity: &Identity) {
        self.tell(Change::Remove(identity.clone()));
    }
}

impl<P: Peer + Clone> Default for LeastLoaded<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Peer> fmt::Debug for LeastLoaded<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeastLoaded")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// ===== what the balancer sees =====

/// The changes that the policy was told of and the balancer was not: one at
/// most, as it is told at once. For the same reason there is no waker.
struct Feed<P>(Arc<Mutex<VecDeque<News<P>>>>);

type News<P> = Change<Identity, Member<P>>;

impl<P> Stream for Feed<P> {
    type Item = Result<News<P>, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match lock(&self.0).pop_front() {
            Some(change) => Poll::Ready(Some(Ok(change))),
            None => Poll::Pending,
        }
    }
}

impl<P> Clone for Feed<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P> Default for Feed<P> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Where a peer whose connection has ended leaves the message that it was
/// given, and its name, which the balancer does not tell.
#[derive(Clone, Default)]
struct Slot(Arc<Mutex<Option<(Identity, Outbound)>>>);

struct Member<P> {
    identity: Identity,
    peer: Loaded<P>,
    refused: Slot,
}

impl<P: Peer> Load for Member<P> {
    type Metric = usize;

    fn load(&self) -> usize {
        self.peer.load()
    }
}

impl<P: Peer> Service<Outbound> for Member<P> {
    type Response = ();
    type Error = Closed;
    type Future = Ready<Result<(), Closed>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.peer.poll_ready(cx).map_err(|Closed(_)| Closed(()))
    }

    fn call(&mut self, message: Outbound) -> Self::Future {
        let pushed = self.peer.call(message).into_inner();
        ready(pushed.map_err(|Closed(message)| {
            *lock(&self.refused.0) = message.map(|message| (self.identity.clone(), message));
            Closed(())
        }))
    }
}

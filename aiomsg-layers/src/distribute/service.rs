use std::collections::VecDeque;
use std::fmt;
use std::future::{Ready, ready};
use std::ops::ControlFlow;
use std::task::{Context, Poll};

use aiomsg_core::{Discard, DropReason, Error, Outbound};
use tower::Service;

use super::copies::{Copied, Copier, Targets};
use super::{PeerSet, Pick, Policy, Reach};
use crate::Overflow;
use crate::overflow::{FullQueue, Verdict, refused};
use crate::peers::{News, Peers, View};
use crate::queue::{Closed, Offered, Peer};
use crate::shared::bell::Bell;
use crate::shared::note;

/// The service that sends messages for anyone to the peers that a policy picks. See the
/// [module](super).
///
/// ```
/// use aiomsg_core::{Discard, Identity, Limits, Outbound};
/// use aiomsg_layers::Distribute;
/// use aiomsg_layers::distribute::RoundRobin;
/// use aiomsg_layers::peers::Peers;
/// use aiomsg_layers::queue::Queue;
/// use tower::{Service, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower::BoxError> {
/// let peers = Peers::new(Discard::new(|_| {}));
/// let mut distribute = Distribute::new(&peers, RoundRobin::new());
///
/// let limits = Limits { items: 100, bytes: 1 << 20 };
/// let [a, b] = [(); 2].map(|()| Queue::new(limits));
/// peers.insert(Identity::random(), a.clone());
/// peers.insert(Identity::random(), b.clone());
/// for _ in 0..4 {
///     distribute.ready().await?.call(Outbound::new("job")).await?;
/// }
/// assert_eq!((a.items(), b.items()), (2, 2));
/// # Ok(())
/// # }
/// ```
pub struct Distribute<P, Q> {
    view: View<P>,
    peers: PeerSet<P>,
    policy: Q,
    /// Accepted messages that are not placed: they came back from a connection that ended, or
    /// there was no room after all.
    held: VecDeque<Outbound>,
    discard: Discard,
    overflow: Overflow,
    reach: Reach,
    /// Rung when a peer has come or gone, or a full one has room again.
    bell: Bell,
}

/// A message that was not placed.
enum Unplaced {
    /// It waits for room.
    Full(Outbound),
    Refused(Outbound),
    Failed(Outbound, Error),
}

impl<P: Peer + Clone, Q: Policy<P>> Distribute<P, Q> {
    /// Sends to the peers that the policy picks.
    pub fn new(peers: &Peers<P>, policy: Q) -> Self {
        Self {
            view: peers.distribute(),
            peers: PeerSet::new(),
            policy,
            held: VecDeque::new(),
            discard: peers.discard().clone(),
            overflow: Overflow::default(),
            reach: Reach::new(),
            bell: Bell::new(),
        }
    }

    /// Sets what happens to a message when the picked peers have no room.
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// A handle that says whether any peer can be reached now.
    pub fn reach(&self) -> Reach {
        self.reach.clone()
    }

    /// The policy.
    pub fn policy(&self) -> &Q {
        &self.policy
    }

    /// The policy.
    pub fn policy_mut(&mut self) -> &mut Q {
        &mut self.policy
    }

    /// How many messages wait to be placed again, before anything new.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether no message waits to be placed again.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether messages wait to be placed again, and a peer is connected.
    pub fn has_backlog(&self) -> bool {
        !self.held.is_empty() && !self.peers.is_empty()
    }

    /// Takes the messages that wait to be placed again, and the unsent ones of connections that
    /// have ended.
    pub fn drain(&mut self) -> Vec<Outbound> {
        self.hear();
        self.held.drain(..).collect()
    }

    // ===== peers =====

    /// Notes which peers have come and gone, and checks the full ones again.
    #[cold]
    fn hear(&mut self) {
        while let Poll::Ready(news) = self.view.poll_news(&mut self.bell.context()) {
            match news {
                News::Came(identity, peer) => {
                    if self.peers.contains(&identity) {
                        self.policy.peer_went(&identity);
                    }
                    let position = self.peers.insert(identity.clone(), peer);
                    self.peers.look_at(position, &mut self.bell.context());
                    if let Some(peer) = self.peers.peer(position) {
                        self.policy.peer_came(&identity, peer);
                    }
                }
                News::Went {
                    identity, mut left, ..
                } => {
                    if self.peers.remove(&identity) {
                        self.policy.peer_went(&identity);
                    }
                    // A connection's messages were placed before those that still wait to
                    // be placed again.
                    left.append(&mut self.held);
                    self.held = left;
                }
                News::Filled(identity) => {
                    if let Some(position) = self.peers.position(&identity) {
                        self.peers.look_at(position, &mut self.bell.context());
                    }
                }
            }
        }
        self.peers.look_again(&mut self.bell.context());
    }

    /// Removes a peer whose connection has ended. The table reports that in a moment.
    fn remove_at(&mut self, position: usize) {
        if let Some(identity) = self.peers.remove_at(position) {
            self.policy.peer_went(&identity);
        }
    }

    /// Whether a full peer may get room by itself, because its session has not had its turn.
    fn may_free_itself(&self) -> bool {
        let mut full = self.peers.without_room();
        full.any(|at| self.peers.peer(at).is_some_and(|peer| !peer.is_stuck()))
    }

    /// Whether the policy would place one more message now.
    fn poll_policy(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.peers.is_empty() {
            true => Poll::Pending,
            false => self.policy.poll_ready(&self.peers, cx),
        }
    }

    // ===== messages =====

    /// Places the held messages, in their order.
    #[cold]
    fn place_held(&mut self, cx: &mut Context<'_>) {
        while !self.held.is_empty()
            && self.poll_policy(cx).is_ready()
            && let Some(message) = self.held.pop_front()
        {
            // It can wait, so it must not push out another message.
            match self.place(message, Overflow::Wait) {
                Ok(()) => {}
                Err(Unplaced::Failed(message, error)) => {
                    note(&error);
                    self.discard.message(message, DropReason::PolicyFailed);
                }
                Err(Unplaced::Full(message) | Unplaced::Refused(message)) => {
                    self.held.push_front(message);
                    break;
                }
            }
        }
    }

    /// Places a message. If picked peers have ended, it goes to others.
    #[inline(always)]
    fn place(&mut self, message: Outbound, mut rule: Overflow) -> Result<(), Unplaced> {
        let mut slot = Some(message);
        while let Some(message) = &slot
            && !self.peers.is_empty()
        {
            let picked = self.policy.pick(&self.peers, message);
            let copier = Copier {
                peers: &mut self.peers,
                discard: &self.discard,
                bell: &self.bell,
                rule,
            };
            let step = match picked {
                Pick::One(position) => Step::One(position),
                Pick::All => Step::Copied(copier.copy(&Targets::All, message), false),
                Pick::These(positions) => {
                    Step::Copied(copier.copy(&Targets::These(positions), message), true)
                }
                Pick::Nobody => Step::Unwanted,
                Pick::Full => break,
                Pick::Failed(error) => Step::Failed(error),
            };
            match step {
                Step::One(position) => match self.offer(position, &mut slot, &mut rule) {
                    ControlFlow::Continue(()) => {}
                    ControlFlow::Break(placed) => return placed,
                },
                Step::Copied(Copied::Taken, _) => return Ok(()),
                Step::Copied(Copied::Full, _) => break,
                // From the last, because a removal moves those behind it.
                Step::Copied(Copied::Gone(gone), selected) => {
                    gone.into_iter().rev().for_each(|at| self.remove_at(at));
                    if selected {
                        self.unwanted(slot.take());
                    }
                }
                // Once is enough for one message.
                Step::Copied(Copied::Disconnected(gone), _) => {
                    gone.into_iter().rev().for_each(|at| self.remove_at(at));
                    rule = Overflow::Wait;
                }
                Step::Unwanted => self.unwanted(slot.take()),
                Step::Failed(error) => {
                    return slot.map_or(Ok(()), |message| Err(Unplaced::Failed(message, error)));
                }
            }
        }
        slot.map_or(Ok(()), |message| Err(Unplaced::Full(message)))
    }

    /// Offers a message to one peer. Continues if another one must be picked.
    #[inline(always)]
    fn offer(
        &mut self,
        position: usize,
        slot: &mut Option<Outbound>,
        rule: &mut Overflow,
    ) -> ControlFlow<Result<(), Unplaced>> {
        let Some(peer) = self.peers.peer_mut(position) else {
            // The policy has picked a position without a peer.
            return full(slot.take());
        };
        match peer.offer(slot) {
            Offered::Room => return ControlFlow::Break(Ok(())),
            Offered::Filled => {
                self.peers.look_at(position, &mut self.bell.context());
                return ControlFlow::Break(Ok(()));
            }
            Offered::Closed => self.remove_at(position),
            // It had room at the last look. Other peers may have some.
            Offered::Full if self.peers.has_room(position) => {
                self.peers.look_at(position, &mut self.bell.context());
            }
            Offered::Full => return self.force(position, slot, rule),
        }
        ControlFlow::Continue(())
    }

    /// Handles the pick of a peer without room.
    #[cold]
    fn force(
        &mut self,
        position: usize,
        slot: &mut Option<Outbound>,
        rule: &mut Overflow,
    ) -> ControlFlow<Result<(), Unplaced>> {
        let discard = &self.discard;
        let Some(peer) = self.peers.peer_mut(position) else {
            return full(slot.take());
        };
        match rule.make_room(&mut FullQueue { peer, discard }) {
            Verdict::Waits => full(slot.take()),
            Verdict::Refused => {
                let refused = slot.take().map(Unplaced::Refused);
                ControlFlow::Break(refused.map_or(Ok(()), Err))
            }
            Verdict::Fits => {
                if let Some(message) = slot.take()
                    && let Err(Closed(message)) = peer.push(message)
                {
                    *slot = Some(message);
                    self.remove_at(position);
                    return ControlFlow::Continue(());
                }
                self.peers.look_at(position, &mut self.bell.context());
                ControlFlow::Break(Ok(()))
            }
            Verdict::Disconnected => {
                self.remove_at(position);
                // Once is enough for one message.
                *rule = Overflow::Wait;
                ControlFlow::Continue(())
            }
        }
    }

    fn unwanted(&self, message: Option<Outbound>) {
        if let Some(message) = message {
            self.discard.message(message, DropReason::Unwanted);
        }
    }
}

/// The next step for a message.
enum Step {
    One(usize),
    /// And whether the policy has selected the peers.
    Copied(Copied, bool),
    Unwanted,
    Failed(Error),
}

fn full(message: Option<Outbound>) -> ControlFlow<Result<(), Unplaced>> {
    ControlFlow::Break(message.map_or(Ok(()), |message| Err(Unplaced::Full(message))))
}

impl<P, Q> Service<Outbound> for Distribute<P, Q>
where
    P: Peer + Clone,
    Q: Policy<P>,
{
    type Response = ();
    type Error = Error;
    type Future = Ready<Result<(), Error>>;

    /// Ready when one more message can be placed, and nothing waits before it. Nothing is
    /// reserved.
    #[inline(always)]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.bell.has_rung(cx) {
            self.hear();
        }
        if !self.held.is_empty() {
            self.place_held(cx);
        }
        if self.peers.is_empty() || !self.held.is_empty() {
            self.reach.set(self.peers.is_empty(), true);
            return Poll::Pending;
        }
        let full = self.policy.poll_ready(&self.peers, cx).is_pending();
        self.reach.set(false, full);
        let waits = match self.overflow {
            Overflow::Wait => full,
            Overflow::Disconnect => full && self.may_free_itself(),
            _ => false,
        };
        match waits {
            true => Poll::Pending,
            false => Poll::Ready(Ok(())),
        }
    }

    /// Places a message. If there is no room for it after all, it waits here, before anything
    /// new.
    #[inline(always)]
    fn call(&mut self, message: Outbound) -> Self::Future {
        if !self.held.is_empty() {
            self.held.push_back(message);
            return ready(Ok(()));
        }
        ready(match self.place(message, self.overflow) {
            Ok(()) => Ok(()),
            Err(Unplaced::Full(message)) => {
                self.held.push_back(message);
                Ok(())
            }
            Err(Unplaced::Refused(message)) => Err(refused(message)),
            Err(Unplaced::Failed(message, error)) => Err(error.with_message(message)),
        })
    }
}

impl<P, Q: fmt::Debug> fmt::Debug for Distribute<P, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Distribute")
            .field("policy", &self.policy)
            .field("peers", &self.peers)
            .finish_non_exhaustive()
    }
}

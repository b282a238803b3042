use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use aiomsg_core::outbound::offer_each;
use aiomsg_core::{BoxError, Discard, DropReason, Error, ErrorKind, Identity, Outbound, Target};
use indexmap::IndexSet;
use tokio::time::Instant;
use tower::Service;
use tower::discover::{Change, Discover};

use super::mailbox::Mailboxes;
use super::{MailboxSettings, Overflow, PeerSet, Policy, Refused};
use crate::queue::{Closed, Peer, Shed};
use crate::shared::{catch, note};

/// In the middle of a message this many connections end before it is given up.
const TRIES: u8 = 3;

/// Sends to a changing set of peers. See the [module](super).
///
/// As a plain service it is ready when a message that is not addressed can be
/// placed. A message addressed to a peer whose queue is full is refused, with
/// [`Error::is_limit`]; the [`Buffer`](crate::Buffer) makes the caller wait
/// instead.
#[derive(Debug)]
pub struct Router<D: Discover, Q> {
    /// `None`: it has ended.
    discover: Option<D>,
    peers: PeerSet<D::Service>,
    policy: Q,
    mailboxes: Mailboxes,
    /// The peers that are connected and have mail. One that has gone, or whose
    /// mail was given up, is taken out at the next look.
    with_mail: IndexSet<Identity>,
    /// Peers that take no more messages and whose connections have not ended
    /// yet: they may still send what they have.
    leaving: Vec<(Identity, D::Service)>,
    /// Messages for anyone that came back from connections that ended.
    returned: VecDeque<Outbound>,
    discard: Discard,
    overflow: Overflow,
    /// The policy was not ready when it was last asked.
    full: bool,
    /// The task that hears of changes, if it is not whoever polls.
    watcher: Option<Waker>,
}

impl<D, Q> Router<D, Q>
where
    D: Discover<Key = Identity, Service: Peer, Error: Into<BoxError>> + Unpin,
    Q: Policy<D::Service>,
{
    /// Sends to the peers that `discover` tells of. When that ends or fails, they stay
    /// as they are; a failure is logged.
    pub fn new(discover: D, policy: Q, discard: Discard) -> Self {
        Self {
            discover: Some(discover),
            peers: PeerSet::new(),
            policy,
            mailboxes: Mailboxes::new(MailboxSettings::default()),
            with_mail: IndexSet::new(),
            leaving: Vec::new(),
            returned: VecDeque::new(),
            discard,
            overflow: Overflow::default(),
            full: false,
            watcher: None,
        }
    }

    /// Sets how much is kept for peers that are absent, and how long.
    #[must_use]
    pub fn mailboxes(mut self, settings: MailboxSettings) -> Self {
        self.mailboxes = Mailboxes::new(settings);
        self
    }

    /// Sets what is done with a message for which there is no room.
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// The next change to the set of peers.
    fn poll_change(&mut self, cx: &mut Context<'_>) -> Poll<Change<Identity, D::Service>> {
        let mut watch = Context::from_waker(self.watcher.as_ref().unwrap_or(cx.waker()));
        let Some(discover) = &mut self.discover else {
            return Poll::Pending;
        };
        match std::task::ready!(Pin::new(discover).poll_discover(&mut watch)) {
            Some(Ok(change)) => return Poll::Ready(change),
            Some(Err(error)) => unheard(&error.into()),
            None => {}
        }
        self.discover = None;
        Poll::Pending
    }

    fn apply(&mut self, change: Change<Identity, D::Service>) {
        match change {
            Change::Insert(identity, peer) => {
                if let Some(old) = self.peers.insert(identity.clone(), peer) {
                    self.policy.peer_went(&identity);
                    self.take_back(&identity, old);
                }
                if let Some(peer) = self.peers.get(&identity) {
                    self.mailboxes.deliver_copies(&identity, peer);
                    self.policy.peer_came(&identity, peer);
                }
                if self.mailboxes.holds(&identity) {
                    self.with_mail.insert(identity);
                }
            }
            Change::Remove(identity) => {
                let left = self.leaving.iter().position(|(name, _)| *name == identity);
                let old = match left {
                    Some(position) => Some(self.leaving.swap_remove(position).1),
                    None => self.remove(&identity),
                };
                if let Some(old) = old {
                    self.take_back(&identity, old);
                }
            }
        }
    }

    /// Applies changes to the set of peers, and places what was waiting for
    /// them.
    fn maintain(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(change) = self.poll_change(cx) {
            self.apply(change);
        }
        while !self.returned.is_empty()
            && !self.peers.is_empty()
            && self.policy.poll_ready(&mut self.peers, cx).is_ready()
            && let Some(message) = self.returned.pop_front()
        {
            match self.place(message, cx) {
                Ok(()) => {}
                Err(Unrouted::Failed(message, error)) => {
                    note(&error);
                    self.discard.message(message, DropReason::PolicyFailed);
                }
                Err(other) => self.returned.push_front(other.into_message()),
            }
        }
        self.deliver_mail(cx);
    }

    /// A connection ended: what it had not sent goes other ways.
    fn take_back(&mut self, identity: &Identity, mut peer: D::Service) {
        let mut left = peer.reclaim();
        // What is behind a message at which connections end is not to go with it.
        let behind = left.front().is_some_and(|first| first.interrupted() > 0);
        if let Some(poison) = left.pop_front_if(|first| first.interrupted() >= TRIES) {
            self.discard.message(poison, DropReason::Poison);
        }
        let is_copy = |message: &&Outbound| message.target() == &Target::Copy;
        let mut copies = left.iter().filter(is_copy).count();
        let kept = match behind {
            true => self.mailboxes.room_for(left.iter().filter(is_copy)),
            false => 0,
        };
        // Backwards, as what is addressed goes to the front of its mailbox.
        let mut anyone = VecDeque::new();
        while let Some(message) = left.pop_back() {
            match message.target() {
                Target::Peer(_) => self.mailboxes.put_back(identity.clone(), message),
                Target::Copy => {
                    copies -= 1;
                    match copies < kept {
                        true => self.mailboxes.put_back(identity.clone(), message),
                        false => self.discard.message(message, DropReason::PeerGone),
                    }
                }
                _ => anyone.push_front(message),
            }
        }
        // What a connection had was placed before what still waits to be
        // placed again.
        anyone.append(&mut self.returned);
        self.returned = anyone;
    }

    /// Places a message that the policy is ready for. Hands it back when it
    /// finds peers that have ended, and of those that are left none has room, and
    /// when the policy fails on it.
    fn place(&mut self, mut message: Outbound, cx: &mut Context<'_>) -> Result<(), Unrouted> {
        while !self.peers.is_empty() {
            let Err(refused) = self.policy.place(&mut self.peers, message) else {
                return Ok(());
            };
            let Refused { position, .. } = refused;
            message = refused.message;
            let Some(position) = position else {
                if let Some(error) = self.policy.failure() {
                    return Err(Unrouted::Failed(message, error));
                }
                self.discard.message(message, DropReason::Unwanted);
                return Ok(());
            };
            let Some((identity, peer)) = self.peers.remove_at(position) else {
                break;
            };
            self.policy.peer_went(&identity);
            self.leaving.push((identity, peer));
            if self.policy.poll_ready(&mut self.peers, cx).is_pending() {
                break;
            }
        }
        Err(Unrouted::Full(message))
    }

    fn remove(&mut self, identity: &Identity) -> Option<D::Service> {
        let removed = self.peers.remove(identity)?;
        self.policy.peer_went(identity);
        Some(removed)
    }

    fn deliver_mail(&mut self, cx: &mut Context<'_>) {
        let mut position = 0;
        while let Some(identity) = self.with_mail.get_index(position).cloned() {
            let Some(peer) = self.peers.get(&identity) else {
                self.with_mail.swap_remove_index(position);
                continue;
            };
            self.policy.room_used(&identity);
            while peer.poll_room(cx) == Poll::Ready(Ok(()))
                && let Some(message) = self.mailboxes.pop(&identity)
            {
                if let Err(Closed(message)) = peer.push(message) {
                    self.mailboxes.put_back(identity.clone(), message);
                    break;
                }
            }
            match self.mailboxes.holds(&identity) {
                true => position += 1,
                false => drop(self.with_mail.swap_remove_index(position)),
            }
        }
    }

    fn route_addressed(&mut self, cx: &mut Context<'_>, message: Outbound) -> Result<(), Unrouted> {
        let Some(identity) = message.peer().cloned() else {
            return Err(Unrouted::Full(message));
        };
        if self.mailboxes.holds(&identity) {
            // Order: behind what waits for this peer already.
            return self.mail(identity, message);
        }
        let Some(peer) = self.peers.get(&identity) else {
            return self.mail(identity, message);
        };
        let mut room = peer.poll_room(cx);
        if room.is_pending() {
            match self.overflow {
                Overflow::Wait => return Err(Unrouted::Full(message)),
                Overflow::RefuseNewest => return Err(Unrouted::Refused(message)),
                Overflow::DropOldest => overflowed(&self.discard, peer.shed(Shed::Oldest)),
                Overflow::KeepNewest => overflowed(&self.discard, peer.shed(Shed::All)),
                // More came at once than the queue holds: no fault of the peer's.
                Overflow::Disconnect if !peer.is_stuck() => return Err(Unrouted::Full(message)),
                Overflow::Disconnect => peer.disconnect(),
            }
            room = match self.overflow {
                Overflow::Disconnect => Poll::Ready(Err(Closed(()))),
                _ => Poll::Ready(Ok(())),
            };
        }
        match room {
            Poll::Pending => Err(Unrouted::Full(message)),
            Poll::Ready(Ok(())) => match peer.push(message) {
                Ok(()) => {
                    self.policy.room_used(&identity);
                    Ok(())
                }
                Err(Closed(message)) => self.mail_leaving(identity, message),
            },
            Poll::Ready(Err(_)) => self.mail_leaving(identity, message),
        }
    }

    /// The peer takes no more, and we are the first to see it.
    fn mail_leaving(&mut self, identity: Identity, message: Outbound) -> Result<(), Unrouted> {
        if let Some(peer) = self.remove(&identity) {
            self.leaving.push((identity.clone(), peer));
        }
        self.mail(identity, message)
    }

    fn mail(&mut self, identity: Identity, message: Outbound) -> Result<(), Unrouted> {
        if !self.mailboxes.has_room(&identity) {
            match self.overflow {
                // No peer is there to be disconnected.
                Overflow::Wait | Overflow::Disconnect => return Err(Unrouted::Full(message)),
                Overflow::RefuseNewest => return Err(Unrouted::Refused(message)),
                Overflow::DropOldest => {
                    while !self.mailboxes.has_room(&identity)
                        && let Some(oldest) = self.mailboxes.pop_for(&identity)
                    {
                        self.discard.message(oldest, DropReason::Overflow);
                    }
                }
                Overflow::KeepNewest => {
                    while let Some(older) = self.mailboxes.pop(&identity) {
                        self.discard.message(older, DropReason::Overflow);
                    }
                    if !self.mailboxes.has_room(&identity) {
                        // Others fill it, whose newest are not to go for this.
                        return Err(Unrouted::Refused(message));
                    }
                }
            }
        }
        if self.peers.contains(&identity) {
            self.with_mail.insert(identity.clone());
        }
        self.mailboxes.push(identity, message);
        Ok(())
    }

    /// Whether a peer that has no room may have some without doing anything.
    fn may_free_itself(&mut self, cx: &mut Context<'_>) -> bool {
        let mut peers = self.peers.iter_mut();
        peers.any(|(_, peer)| peer.poll_room(cx).is_pending() && !peer.is_stuck())
    }

    /// Places a message for which there is no room at the peers that are to get
    /// it.
    fn force(&mut self, message: Outbound, cx: &mut Context<'_>) -> Result<(), Unrouted> {
        let Some(mut full) = self.policy.overfull(&mut self.peers, &message) else {
            return Err(Unrouted::Full(message));
        };
        match self.overflow {
            Overflow::Wait => return Err(Unrouted::Full(message)),
            Overflow::RefuseNewest if !self.policy.copies() => {
                return Err(Unrouted::Refused(message));
            }
            // Below.
            Overflow::RefuseNewest => {}
            Overflow::DropOldest | Overflow::KeepNewest => {
                let which = match self.overflow {
                    Overflow::DropOldest => Shed::Oldest,
                    _ => Shed::All,
                };
                for position in full.drain(..) {
                    if let Some(peer) = self.peers.at(position) {
                        overflowed(&self.discard, peer.shed(which));
                    }
                }
            }
            Overflow::Disconnect => {
                // From the last, as those behind a peer that is taken out move.
                full.sort_unstable();
                for position in full.drain(..).rev() {
                    if let Some((identity, mut peer)) = self.peers.remove_at(position) {
                        peer.disconnect();
                        self.policy.peer_went(&identity);
                        self.leaving.push((identity, peer));
                    }
                }
                let nobody = self.peers.is_empty();
                if nobody || self.policy.poll_ready(&mut self.peers, cx).is_pending() {
                    return Err(Unrouted::Full(message));
                }
            }
        }
        let peers = self.peers.len();
        let placed = self.place(message, cx);
        // Copies that had no room are taken back. (If peers were taken out,
        // none had been placed.)
        if placed.is_ok() && peers == self.peers.len() {
            for position in full {
                if let Some(peer) = self.peers.at(position) {
                    overflowed(&self.discard, peer.shed(Shed::Newest));
                }
            }
        }
        placed
    }
}

/// Gives up those for which there was no room.
fn overflowed(discard: &Discard, messages: impl IntoIterator<Item = Outbound>) {
    for message in messages {
        discard.message(message, DropReason::Overflow);
    }
}

/// Logs that changes to the set of peers are heard of no more.
fn unheard(error: &BoxError) {
    let _ = catch("the subscriber of logs", || {
        tracing::warn!(%error, "a `Discover` failed: peers that come and go are not heard of any more");
    });
}

/// The error of a message that is not to wait for room.
pub(crate) fn refused(message: Outbound) -> Error {
    Error::new(ErrorKind::Limit)
        .with_reason("there is no room for the message")
        .with_message(message)
}

/// The error of a message on which the policy failed.
pub(crate) fn failed(message: Outbound, error: Error) -> Error {
    error.with_message(message)
}

/// A message that was not placed.
#[derive(Debug)]
pub enum Unrouted {
    /// There is no room for it now, and it is to wait. The task is woken when
    /// there may be.
    Full(Outbound),
    /// There is no room for it, and it is not to wait.
    Refused(Outbound),
    /// The policy failed on it.
    Failed(Outbound, Error),
}

impl Unrouted {
    /// Takes the message out.
    pub fn into_message(self) -> Outbound {
        let (Self::Full(message) | Self::Refused(message) | Self::Failed(message, _)) = self;
        message
    }
}

/// What a [`Buffer`](crate::Buffer) needs of the router that it wraps: to
/// place messages without a future, and to know whether anybody is there.
pub trait Route {
    /// Brings the set of peers up to date, and says whether a message that is
    /// not addressed can be placed.
    fn poll_route(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Places a message: one that is addressed at any time, any other after
    /// `poll_route` was ready.
    ///
    /// # Errors
    ///
    /// Hands the message back.
    fn route(&mut self, cx: &mut Context<'_>, message: Outbound) -> Result<(), Unrouted>;

    /// Places a message if that can be done at once and nothing waits before
    /// it: what `poll_route` and `route` do, in one step, and what most messages
    /// need. Says whether the message was taken. Nobody is woken when it can be
    /// done later.
    fn try_route(&mut self, cx: &mut Context<'_>, message: &mut Option<Outbound>) -> bool {
        let _ = (cx, message);
        false
    }

    /// Places up to `most` messages from the front of these, as far as that can be
    /// done at once: what `try_route` does for one.
    fn try_route_all(
        &mut self,
        cx: &mut Context<'_>,
        messages: &mut VecDeque<Outbound>,
        most: usize,
    ) {
        offer_each(messages, most, |message| self.try_route(cx, message));
    }

    /// Whether the peers had no room when `poll_route` was called last, and it
    /// may have been ready all the same: then placing a message may cost
    /// another one its place.
    fn is_full(&self) -> bool;

    /// Whether a peer is connected.
    fn has_peers(&self) -> bool;

    /// Whether messages wait in the router itself for room at peers that are
    /// connected, so that somebody must go on polling it.
    fn has_backlog(&self) -> bool;

    /// Whether messages wait for absent peers.
    fn has_mail(&self) -> bool;

    /// Names the task that is woken when the set of peers changes, instead of
    /// whoever polled last.
    fn watch(&mut self, watcher: &Waker);

    /// When messages for absent peers are given up, if there are any.
    fn next_expiry(&self) -> Option<Instant>;

    /// Gives up messages that waited too long for absent peers.
    fn expire(&mut self, now: Instant);

    /// Takes everything out that waits in the router.
    fn drain(&mut self) -> Vec<Outbound>;

    /// Gives a message up that was accepted before, and cannot be placed.
    fn give_up(&mut self, message: Outbound, reason: DropReason) {
        let _ = message;
        tracing::warn!(%reason, "a message was given up");
    }
}

impl<D, Q> Route for Router<D, Q>
where
    D: Discover<Key = Identity, Service: Peer, Error: Into<BoxError>> + Unpin,
    Q: Policy<D::Service>,
{
    fn poll_route(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.maintain(cx);
        if self.peers.is_empty() || !self.returned.is_empty() {
            self.full = true;
            return Poll::Pending;
        }
        let ready = self.policy.poll_ready(&mut self.peers, cx);
        self.full = ready.is_pending();
        let waits = match self.overflow {
            Overflow::Wait => true,
            Overflow::Disconnect => self.full && self.may_free_itself(cx),
            _ => false,
        };
        if waits { ready } else { Poll::Ready(()) }
    }

    fn route(&mut self, cx: &mut Context<'_>, message: Outbound) -> Result<(), Unrouted> {
        if message.peer().is_some() {
            return self.route_addressed(cx, message);
        }
        if self.full {
            return self.force(message, cx);
        }
        let message = match self.place(message, cx) {
            Ok(()) => return Ok(()),
            Err(Unrouted::Full(message)) => message,
            Err(other) => return Err(other),
        };
        // The peer was gone. Others may be there.
        match self.poll_route(cx) {
            Poll::Ready(()) if !self.full => self.place(message, cx),
            Poll::Ready(()) => self.force(message, cx),
            Poll::Pending => Err(Unrouted::Full(message)),
        }
    }

    fn try_route(&mut self, cx: &mut Context<'_>, message: &mut Option<Outbound>) -> bool {
        if let Poll::Ready(change) = self.poll_change(cx) {
            self.apply(change);
            return false;
        }
        match message.as_ref().and_then(Outbound::peer) {
            None if self.returned.is_empty() => self.policy.try_place(&mut self.peers, message),
            Some(identity) if !self.mailboxes.holds(identity) => {
                let peer = self.peers.get(identity);
                self.policy.room_used(identity);
                peer.is_some_and(|peer| peer.try_push(message))
            }
            // Something waits before it.
            _ => false,
        }
    }

    fn try_route_all(
        &mut self,
        cx: &mut Context<'_>,
        messages: &mut VecDeque<Outbound>,
        most: usize,
    ) {
        let until = messages.len().saturating_sub(most);
        while messages.len() > until {
            let rest = messages.iter().take(messages.len() - until);
            let run = rest.take_while(|message| message.peer().is_none()).count();
            let before = messages.len();
            if run == 0 {
                offer_each(messages, 1, |message| self.try_route(cx, message));
            } else if let Poll::Ready(change) = self.poll_change(cx) {
                self.apply(change);
            } else if self.returned.is_empty() {
                self.policy.try_place_all(&mut self.peers, messages, run);
            }
            if messages.len() == before {
                break;
            }
        }
    }

    fn is_full(&self) -> bool {
        self.full
    }

    fn has_peers(&self) -> bool {
        !self.peers.is_empty()
    }

    fn has_backlog(&self) -> bool {
        if self.peers.is_empty() {
            return false;
        }
        let is_held_up = |id| self.peers.contains(id) && self.mailboxes.holds(id);
        !self.returned.is_empty() || self.with_mail.iter().any(is_held_up)
    }

    fn has_mail(&self) -> bool {
        !self.mailboxes.is_empty()
    }

    fn watch(&mut self, watcher: &Waker) {
        if !self
            .watcher
            .as_ref()
            .is_some_and(|known| known.will_wake(watcher))
        {
            self.watcher = Some(watcher.clone());
        }
    }

    fn next_expiry(&self) -> Option<Instant> {
        self.mailboxes.next_expiry()
    }

    fn expire(&mut self, now: Instant) {
        self.mailboxes.expire(now, &self.discard);
    }

    fn drain(&mut self) -> Vec<Outbound> {
        let mut messages: Vec<_> = self.returned.drain(..).collect();
        for message in self.mailboxes.drain() {
            match message.target() {
                // Its message has been sent to others.
                Target::Copy => self.discard.message(message, DropReason::PeerGone),
                _ => messages.push(message),
            }
        }
        messages
    }

    fn give_up(&mut self, message: Outbound, reason: DropReason) {
        self.discard.message(message, reason);
    }
}

impl<D, Q> Service<Outbound> for Router<D, Q>
where
    D: Discover<Key = Identity, Service: Peer, Error: Into<BoxError>> + Unpin,
    Q: Policy<D::Service>,
{
    type Response = ();
    type Error = Error;
    type Future = Ready<Result<(), Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_route(cx).map(Ok)
    }

    fn call(&mut self, message: Outbound) -> Self::Future {
        let mut cx = Context::from_waker(Waker::noop());
        ready(
            self.route(&mut cx, message)
                .map_err(|unrouted| match unrouted {
                    Unrouted::Failed(message, error) => failed(message, error),
                    other => refused(other.into_message()),
                }),
        )
    }
}

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aiomsg_core::hook::Holding;
use aiomsg_core::{Discard, DropReason, Identity, Outbound, Target, Weight};
use tokio::time::Instant;

use super::MailboxSettings;
use super::counters::{Counter, State};
use super::holder::Mail;
use crate::Overflow;
use crate::line::Place;
use crate::overflow::{FullQueue, Verdict};
use crate::peers::Peers;
use crate::queue::{Closed, Offered, Peer, WakerList};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard};
use crate::time::bounded;

/// The mailboxes, and the senders that wait for one peer. A handle.
///
/// It has a lock of its own, so waiting senders and the expiry need not hold the lock of the
/// stack. Most messages find nothing here, and do not lock it.
pub(super) struct PostOffice<P>(pub(super) Arc<Shared<P>>);

pub(super) struct Shared<P> {
    pub(super) peers: Peers<P>,
    pub(super) settings: MailboxSettings,
    overflow: Overflow,
    /// How many counters there are.
    len: AtomicUsize,
    state: Mutex<State<P>>,
}

/// The outcome of placing a message.
pub(super) enum Placed {
    Done,
    /// The message waits for room.
    Waits(Outbound),
    Refused(Outbound),
    Closed(Outbound),
}

impl<P: Peer + Clone> PostOffice<P> {
    pub(super) fn new(peers: &Peers<P>, mut settings: MailboxSettings, overflow: Overflow) -> Self {
        settings.keep = bounded(settings.keep);
        Self(Arc::new(Shared {
            peers: peers.clone(),
            settings,
            overflow,
            len: AtomicUsize::new(0),
            state: Mutex::new(State {
                counters: BTreeMap::new(),
                items: 0,
                bytes: 0,
                closed: false,
                expiry: WakerList::default(),
            }),
        }))
    }

    fn discard(&self) -> &Discard {
        self.0.peers.discard()
    }

    fn lock(&self) -> (MutexGuard<'_, State<P>>, Holding) {
        // Drops are reported when the lock is released.
        let holding = Holding::new(&*self.0);
        let state = self.0.state.lock();
        (state, holding)
    }

    /// Whether something waits for this peer, so that a new message must not overtake it.
    #[inline]
    pub(super) fn holds(&self, identity: &Identity) -> bool {
        self.0.len.load(Ordering::Acquire) > 0 && self.lock().0.counters.contains_key(identity)
    }

    /// Whether nothing waits for any peer.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.0.len.load(Ordering::Acquire) == 0
    }

    /// Whether messages wait for peers that are connected.
    pub(super) fn has_backlog(&self) -> bool {
        let (state, _holding) = self.lock();
        let mut counters = state.counters.values();
        counters.any(|it| it.peer.is_some() && !it.mail.is_empty())
    }

    /// How many messages are kept, for all peers together.
    pub(super) fn kept(&self) -> usize {
        self.lock().0.items
    }

    // ===== messages =====

    /// Places a message, or takes the last place in the line of its peer for it.
    pub(super) fn place(
        &self,
        identity: &Identity,
        peer: Option<&P>,
        message: Outbound,
    ) -> (Placed, Option<Place>) {
        let (mut state, _holding) = self.lock();
        let counter = state.counter(identity, peer);
        let placed = match counter.line.is_empty() {
            true => self.try_place(&mut state, identity, message),
            false => Placed::Waits(message),
        };
        let place = match &placed {
            Placed::Waits(_) => state.counters.get(identity).map(|it| it.line.join()),
            _ => None,
        };
        self.tidy(&mut state, identity);
        (placed, place)
    }

    /// Places the message of the first in line. If it still waits, its task is woken when
    /// there may be room.
    pub(super) fn poll_place(
        &self,
        cx: &mut Context<'_>,
        identity: &Identity,
        place: &mut Place,
        message: Outbound,
    ) -> Placed {
        let (mut state, _holding) = self.lock();
        // Registered before looking, so that no wake in between is lost.
        let first = place.poll_first(cx);
        if state.closed {
            return Placed::Closed(message);
        }
        if first.is_pending() {
            return Placed::Waits(message);
        }
        let mut message = message;
        loop {
            message = match self.try_place(&mut state, identity, message) {
                Placed::Waits(message) => message,
                placed => return placed,
            };
            let counter = state.counters.get_mut(identity);
            let peer = counter.filter(|it| it.mail.is_empty());
            let peer = peer.and_then(|it| it.peer.as_mut());
            // Otherwise it waits for room in the mailboxes, which wakes the line.
            if peer.is_none_or(|peer| peer.poll_room(cx).is_pending()) {
                return Placed::Waits(message);
            }
        }
    }

    /// A sender has left the line of this peer.
    pub(super) fn left(&self, identity: &Identity) {
        let (mut state, _holding) = self.lock();
        self.tidy(&mut state, identity);
    }

    fn try_place(&self, state: &mut State<P>, identity: &Identity, message: Outbound) -> Placed {
        if state.closed {
            return Placed::Closed(message);
        }
        let counter = state.counter(identity, None);
        let mut slot = Some(message);
        if counter.mail.is_empty()
            && let Some(peer) = &mut counter.peer
        {
            match peer.offer(&mut slot) {
                Offered::Room => return Placed::Done,
                Offered::Filled => {
                    self.0.peers.filled(identity);
                    return Placed::Done;
                }
                Offered::Full => {
                    let discard = self.0.peers.discard();
                    let verdict = self.0.overflow.make_room(&mut FullQueue { peer, discard });
                    match (verdict, slot.take()) {
                        (_, None) => return Placed::Done,
                        (Verdict::Waits, Some(message)) => return Placed::Waits(message),
                        (Verdict::Refused, Some(message)) => return Placed::Refused(message),
                        (Verdict::Fits, Some(message)) => match peer.push(message) {
                            Ok(()) => {
                                self.0.peers.filled(identity);
                                return Placed::Done;
                            }
                            Err(Closed(message)) => slot = Some(message),
                        },
                        (Verdict::Disconnected, back) => slot = back,
                    }
                }
                Offered::Closed => {}
            }
            // The connection has ended, and we are the first to see it.
            counter.peer = None;
        }
        match slot {
            Some(message) => self.mail(state, identity, message),
            None => Placed::Done,
        }
    }

    /// Puts a message into the mailbox of its peer.
    fn mail(&self, state: &mut State<P>, identity: &Identity, message: Outbound) -> Placed {
        let mut holder = Mail {
            office: self,
            state,
            identity,
        };
        match self.0.overflow.make_room(&mut holder) {
            Verdict::Waits | Verdict::Disconnected => Placed::Waits(message),
            Verdict::Refused => Placed::Refused(message),
            Verdict::Fits => {
                let weight = state.counter(identity, None).mail.push(message);
                state.weigh(weight);
                Placed::Done
            }
        }
    }

    // ===== peers =====

    /// A peer has connected. `deliver` delivers its messages, except for copies of published
    /// messages and those before them. Newer copies would overtake these, so the peer gets them
    /// at once, even without room. They were within the limits here.
    pub(super) fn came(&self, identity: &Identity, peer: &P) {
        if self.is_idle() {
            return;
        }
        let (mut state, _holding) = self.lock();
        let State {
            counters,
            items,
            bytes,
            ..
        } = &mut *state;
        let Some(counter) = counters.get_mut(identity) else {
            return;
        };
        let mut peer = peer.clone();
        for _ in 0..counter.mail.until_last_copy() {
            let Some(message) = counter.mail.pop() else {
                break;
            };
            let weight = message.weight();
            if let Err(Closed(message)) = peer.push(message) {
                counter.mail.put_back(message);
                break;
            }
            *items -= 1;
            *bytes -= weight;
        }
        counter.peer = Some(peer);
        counter.line.wake();
    }

    /// A peer has disconnected. Its unsent messages go to the front of its mailbox.
    ///
    /// Copies of published messages are dropped, because the other peers have theirs. Those
    /// behind a message at which connections end are kept, as far as there is room.
    pub(super) fn went(&self, identity: &Identity, mut left: VecDeque<Outbound>, behind: bool) {
        if left.is_empty() && self.is_idle() {
            return;
        }
        let (mut state, _holding) = self.lock();
        if !left.is_empty() {
            state.counter(identity, None);
        }
        if let Some(counter) = state.counters.get_mut(identity) {
            counter.peer = None;
        }
        let is_copy = |message: &&Outbound| message.target() == &Target::Copy;
        let mut copies = left.iter().filter(is_copy).count();
        let kept = match behind {
            true => state.room_for(&self.0.settings.limits, left.iter().filter(is_copy)),
            false => 0,
        };
        // Backwards, as each goes to the front.
        while let Some(message) = left.pop_back() {
            if message.target() == &Target::Copy {
                copies -= 1;
                if copies >= kept {
                    self.discard().message(message, DropReason::PeerGone);
                    continue;
                }
            }
            let weight = state.counter(identity, None).mail.put_back(message);
            state.weigh(weight);
        }
        if let Some(counter) = state.counters.get(identity) {
            counter.line.wake();
        }
        self.tidy(&mut state, identity);
    }

    /// Delivers mail to the connected peers, as far as they have room.
    pub(super) fn deliver(&self, cx: &mut Context<'_>) {
        let (mut state, _holding) = self.lock();
        let State {
            counters,
            items,
            bytes,
            ..
        } = &mut *state;
        let before = *items;
        for (identity, counter) in counters.iter_mut() {
            let Some(peer) = &mut counter.peer else {
                continue;
            };
            let mut pushed = false;
            while !counter.mail.is_empty()
                && peer.poll_room(cx) == Poll::Ready(Ok(()))
                && let Some(message) = counter.mail.pop()
            {
                let weight = message.weight();
                if let Err(Closed(message)) = peer.push(message) {
                    counter.mail.put_back(message);
                    break;
                }
                *items -= 1;
                *bytes -= weight;
                pushed = true;
            }
            if pushed {
                if counter.mail.is_empty() {
                    counter.line.wake();
                }
                if peer
                    .poll_room(&mut Context::from_waker(Waker::noop()))
                    .is_pending()
                {
                    self.0.peers.filled(identity);
                }
            }
        }
        if state.items < before {
            state.wake_lines();
        }
        state.counters.retain(|_, counter| !counter.is_idle());
        self.count(&state);
    }

    // ===== the expiry =====

    /// Drops messages that have waited for too long. Returns the time of the next drop, or
    /// wakes the task when there is mail.
    pub(super) fn poll_expire(&self, cx: &mut Context<'_>, now: Instant) -> Poll<Option<Instant>> {
        let (mut state, _holding) = self.lock();
        if state.closed {
            return Poll::Ready(None);
        }
        let keep = self.0.settings.keep;
        let State {
            counters,
            items,
            bytes,
            ..
        } = &mut *state;
        let before = *items;
        for counter in counters.values_mut() {
            while let Some(message) = counter.mail.pop_since(now, keep) {
                *items -= 1;
                *bytes -= message.weight();
                self.discard().message(message, DropReason::PeerAbsent);
            }
        }
        if state.items < before {
            state.wake_lines();
            state.counters.retain(|_, counter| !counter.is_idle());
            self.count(&state);
        }
        // The first mail wakes it, and so does the close.
        state.expiry.register(cx.waker());
        let counters = state.counters.values();
        let oldest = counters.filter_map(|it| it.mail.oldest()).min();
        match oldest {
            Some(oldest) => Poll::Ready(Some(oldest + keep)),
            None => Poll::Pending,
        }
    }

    /// Refuses messages from now on, and takes the waiting ones out.
    pub(super) fn close(&self) -> Vec<Outbound> {
        let (mut state, _holding) = self.lock();
        state.closed = true;
        (state.items, state.bytes) = (0, 0);
        let mut messages = Vec::new();
        for counter in state.counters.values_mut() {
            while let Some(message) = counter.mail.pop() {
                match message.target() {
                    // The other peers have got its message.
                    Target::Copy => self.discard().message(message, DropReason::PeerGone),
                    _ => messages.push(message),
                }
            }
            // The others in line are woken as this one leaves.
            counter.line.wake();
        }
        state.counters.retain(|_, counter| !counter.is_idle());
        self.count(&state);
        let expiry = state.expiry.take();
        drop(state);
        expiry.wake();
        messages
    }

    // ===== counters =====

    /// Removes the counter of a peer for which nothing waits.
    fn tidy(&self, state: &mut State<P>, identity: &Identity) {
        if state.counters.get(identity).is_some_and(Counter::is_idle) {
            state.counters.remove(identity);
        }
        self.count(state);
    }

    fn count(&self, state: &State<P>) {
        self.0.len.store(state.counters.len(), Ordering::Release);
    }
}

impl<P> Clone for PostOffice<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P> fmt::Debug for PostOffice<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostOffice")
            .field("peers", &self.0.len.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

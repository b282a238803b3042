//! Where a message waits, and for how long.
//!
//! | a message waits for | where | until | then |
//! |---|---|---|---|
//! | its turn at the stack, and for room there | its sender's future, in the [`Line`] of the stack | the stack is ready, or the socket closes | the sender passes it on, or has it back |
//! | room at the one peer that it is for | its sender's future, in the [`Line`] of this peer ([`by_identity`](crate::by_identity)) | the peer has room, or goes, or the socket closes | the peer's queue; its mailbox; back to the sender |
//! | the return of its peer | the peer's mailbox ([`by_identity`](crate::by_identity)) | the peer is back, or `absent_timeout` is over (60 s) | the peer's queue; dropped with [`PeerAbsent`](aiomsg_core::DropReason::PeerAbsent) |
//! | any peer | the [`buffer`](crate::buffer) | a peer comes | the peer's queue |
//! | another peer, as its connection ended | [`distribute`](crate::distribute), before anything new | a peer has room | the peer's queue |
//! | the connection | the peer's [queue](crate::queue) | the session takes it | the wire, or one of the above |
//! | an acknowledgement | [`at_least_once`](crate::at_least_once), as a copy | it comes, or no resend is left | done; dropped with [`RetriesExhausted`](aiomsg_core::DropReason::RetriesExhausted) |
//!
//! Each of these is bounded, and [`Overflow`](crate::Overflow) says what happens at
//! the bound.
//!
//! Tasks wait in a [`Line`]: first come, first served. Only the first task is woken, so one free
//! place does not wake ten thousand senders.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use aiomsg_core::{Identity, hook};

use crate::queue::WakerList;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// Tasks that wait for one thing, such as a service.
///
/// A service need only remember the task that polled it last. A shared service is therefore polled
/// with the [waker](Line::waker) of a line, which wakes the first task that [stands in
/// it](Line::join), and all tasks that [look in](Line::poll).
///
/// A clone is a handle to the same line.
#[derive(Clone)]
pub struct Line {
    shared: Arc<Shared>,
    waker: Waker,
}

#[derive(Default)]
struct Shared {
    /// How many stand in the line: asked with every message, so without the lock.
    len: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    /// By number, as they came. The first is always somebody.
    places: VecDeque<Standing>,
    /// How many of these have left.
    left: usize,
    /// The tasks that do not stand in the line.
    passing: WakerList,
}

struct Standing {
    number: u64,
    waker: Option<Waker>,
    here: bool,
}

/// A place in a [`Line`]. Dropping it leaves the line, and wakes the next one if it
/// was the first.
pub struct Place {
    shared: Arc<Shared>,
    number: u64,
}

impl Line {
    /// Nobody waits.
    pub fn new() -> Self {
        let shared = Arc::<Shared>::default();
        let waker = Waker::from(Arc::clone(&shared));
        Self { shared, waker }
    }

    /// How many stand in the line, the first included.
    #[inline]
    pub fn len(&self) -> usize {
        self.shared.len.load(Ordering::Relaxed)
    }

    /// Whether nobody stands in the line.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the last place.
    pub fn join(&self) -> Place {
        let mut state = self.shared.lock();
        let number = state.next;
        state.next += 1;
        state.places.push_back(Standing {
            number,
            waker: None,
            here: true,
        });
        self.shared.len.fetch_add(1, Ordering::Relaxed);
        Place {
            shared: Arc::clone(&self.shared),
            number,
        }
    }

    /// The waker to poll a shared service with: it wakes the first task in the line, and the tasks
    /// that look in.
    #[inline]
    pub fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Polls a shared service for a task that stands in no line. All such tasks are woken
    /// when the service is ready.
    pub fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let mut shared = Context::from_waker(&self.waker);
        self.poll_shared(cx, || poll(&mut shared))
    }

    /// The same for a service that has the waker already.
    pub(crate) fn poll_shared<T>(
        &self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut() -> Poll<T>,
    ) -> Poll<T> {
        if let Poll::Ready(ready) = poll() {
            return Poll::Ready(ready);
        }
        // Once more after it is registered, or a wake in between would be lost.
        self.look_in(cx);
        poll()
    }

    /// Has a task woken with the first in the line, without a place in it.
    pub fn look_in(&self, cx: &mut Context<'_>) {
        self.shared.lock().passing.register(cx.waker());
    }

    /// Wakes the first task in the line, and the tasks that look in.
    pub fn wake(&self) {
        self.shared.wake_first();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_first(&self) {
        let mut state = self.lock();
        let first = state.places.front().and_then(|it| it.waker.clone());
        let passing = state.passing.take();
        drop(state);
        passing.wake();
        wake(first);
    }
}

/// Wakes a task once this thread holds no lock of a socket's: wakers may be a user's.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        hook::tell(move || waker.wake());
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_first();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_first();
    }
}

impl Place {
    /// Ready when this is the first in the line.
    pub fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.lock();
        // In order; the places of tasks that have left may still be there.
        let at = state
            .places
            .binary_search_by_key(&self.number, |it| it.number);
        let Ok(at) = at else {
            return Poll::Ready(());
        };
        match &mut state.places[at].waker {
            Some(waker) => waker.clone_from(cx.waker()),
            waker => *waker = Some(cx.waker().clone()),
        }
        match at {
            0 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }

    /// Waits until this is the first in the line.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the place is kept.
    pub async fn first(&mut self) {
        poll_fn(|cx| self.poll_first(cx)).await;
    }
}

impl State {
    /// Removes places at either end whose tasks have left.
    fn trim(&mut self) {
        while self.places.pop_front_if(|it| !it.here).is_some() {
            self.left -= 1;
        }
        while self.places.pop_back_if(|it| !it.here).is_some() {
            self.left -= 1;
        }
        // Some tasks wait for long while others come and go between them.
        if self.left > 16 + self.places.len() / 2 {
            self.places.retain(|it| it.here);
            self.left = 0;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.len.fetch_sub(1, Ordering::Relaxed);
        let mut state = self.shared.lock();
        let at = state
            .places
            .binary_search_by_key(&self.number, |it| it.number);
        let Ok(at) = at else { return };
        let place = &mut state.places[at];
        place.here = false;
        let own = place.waker.take();
        state.left += 1;
        state.trim();
        let next = match at {
            0 => state.places.front().and_then(|it| it.waker.clone()),
            _ => None,
        };
        drop(state);
        // Its destructor may be a user's.
        drop(own);
        wake(next);
    }
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("len", &self.len()).finish()
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("number", &self.number)
            .finish()
    }
}

// ===== one for each peer =====

/// A line for each peer that a task waits for.
///
/// A message for one peer waits for this peer only, so its sender stands in no line with others.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<PerPeer>);

#[derive(Debug, Default)]
struct PerPeer {
    /// How many stand in any of the lines.
    len: std::sync::atomic::AtomicUsize,
    lines: std::sync::Mutex<HashMap<Identity, Line>>,
}

/// A place in the line of one peer. Dropping it leaves.
#[derive(Debug)]
pub struct PeerPlace {
    /// Given up before the lines are looked at.
    place: Option<Place>,
    lines: Lines,
    peer: Identity,
}

impl Lines {
    /// Whether nobody stands in any line.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.len.load(Ordering::Relaxed) == 0
    }

    /// Takes the last place in the line of this peer.
    pub fn join(&self, peer: &Identity) -> PeerPlace {
        let place = self.lock().entry(peer.clone()).or_default().join();
        self.0.len.fetch_add(1, Ordering::Relaxed);
        PeerPlace {
            place: Some(place),
            lines: self.clone(),
            peer: peer.clone(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Identity, Line>> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PeerPlace {
    /// Ready when this is the first in the line of its peer.
    pub fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.place {
            Some(place) => place.poll_first(cx),
            None => Poll::Ready(()),
        }
    }
}

impl Drop for PeerPlace {
    fn drop(&mut self) {
        self.lines.0.len.fetch_sub(1, Ordering::Relaxed);
        drop(self.place.take());
        let mut lines = self.lines.lock();
        if lines.get(&self.peer).is_some_and(Line::is_empty) {
            lines.remove(&self.peer);
        }
    }
}

#[cfg(all(test, aiomsg_loom))]
mod interleavings;

#[cfg(test)]
mod tests;

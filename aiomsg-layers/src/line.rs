//! Waiting tasks: first come, first served.
//!
//! A [`Line`] wakes only the first of its tasks. So a place that becomes free does not wake
//! ten thousand senders.
//!
//! `docs/where-a-message-waits.md` lists the places where messages wait, and for how long.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use aiomsg_core::{Identity, hook};

use crate::queue::WakerList;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// Tasks that wait for one thing, such as a service.
///
/// A service need only remember the task that polled it last. So tasks that share one poll
/// it with the [waker](Line::waker) of a line. The waker wakes the first task that
/// [stands in the line](Line::join), and all that [look in](Line::poll).
///
/// A clone is a handle to the same line.
#[derive(Clone)]
pub struct Line {
    shared: Arc<Shared>,
    waker: Waker,
}

#[derive(Default)]
struct Shared {
    /// How many tasks stand in the line. Read with every message, so without the lock.
    len: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    /// By number, in order of arrival. The first one has not left.
    places: VecDeque<Standing>,
    /// How many of these have left.
    left: usize,
    /// Tasks that look in without a place.
    passing: WakerList,
    /// The task that may pass the others. Nobody, while nobody waits.
    turn: Turn,
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
    /// An empty line.
    pub fn new() -> Self {
        let shared = Arc::<Shared>::default();
        let waker = Waker::from(Arc::clone(&shared));
        Self { shared, waker }
    }

    /// How many tasks stand in the line, the first included.
    #[inline]
    pub fn len(&self) -> usize {
        self.shared.len.load(Ordering::Relaxed)
    }

    /// Whether no task stands in the line.
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

    /// The waker with which to poll a shared service. It wakes the first task in the line,
    /// and those that look in.
    #[inline]
    pub fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Polls a shared service for a task without a place. All such tasks are woken when
    /// the service is ready.
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

    /// Wakes a task together with the first in the line, without a place in it.
    pub fn look_in(&self, cx: &mut Context<'_>) {
        self.shared.lock().passing.register(cx.waker());
    }

    /// Wakes the first task in the line, and those that look in.
    pub fn wake(&self) {
        self.shared.wake_first();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
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
        // Its messages do not pass this one.
        let ended = state.turn.end_of(cx);
        // They are in order, and some that have left may still be there.
        let at = state
            .places
            .binary_search_by_key(&self.number, |it| it.number);
        if let Ok(at) = at {
            match &mut state.places[at].waker {
                Some(waker) => waker.clone_from(cx.waker()),
                waker => *waker = Some(cx.waker().clone()),
            }
        }
        drop(state);
        drop(ended);
        match at {
            Ok(1..) => Poll::Pending,
            _ => Poll::Ready(()),
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
    /// Removes tasks that have left from the front and from the back.
    fn trim(&mut self) {
        while self.places.front().is_some_and(|it| !it.here) {
            self.places.pop_front();
            self.left -= 1;
        }
        while self.places.back().is_some_and(|it| !it.here) {
            self.places.pop_back();
            self.left -= 1;
        }
        // Some tasks may stay for long, while others come and go between them.
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
        let turn = match state.places.is_empty() {
            true => state.turn.end(),
            false => None,
        };
        drop(state);
        // Their destructors may be a user's.
        drop((own, turn));
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

/// A line for each peer with waiting senders.
///
/// A message for one peer waits for nothing but this peer. So its sender shares no line with
/// those of other peers.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<PerPeer>);

#[derive(Debug, Default)]
struct PerPeer {
    /// How many tasks stand in all lines together.
    len: std::sync::atomic::AtomicUsize,
    lines: aiomsg_core::sync::Mutex<HashMap<Identity, Line>>,
}

/// A place in the line of one peer. Dropping it leaves.
#[derive(Debug)]
pub struct PeerPlace {
    /// Dropped before the lines are looked at.
    place: Option<Place>,
    lines: Lines,
    peer: Identity,
}

impl Lines {
    /// Whether no task stands in any line.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.len.load(Ordering::Relaxed) == 0
    }

    /// Takes the last place in the line of this peer.
    pub fn join(&self, peer: &Identity) -> PeerPlace {
        let place = self.0.lines.lock().entry(peer.clone()).or_default().join();
        self.0.len.fetch_add(1, Ordering::Relaxed);
        PeerPlace {
            place: Some(place),
            lines: self.clone(),
            peer: peer.clone(),
        }
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
        let mut lines = self.lines.0.lines.lock();
        if lines.get(&self.peer).is_some_and(Line::is_empty) {
            lines.remove(&self.peer);
        }
    }
}

mod turn;

use turn::Turn;

#[cfg(all(test, aiomsg_loom))]
mod interleavings;

#[cfg(test)]
mod tests;

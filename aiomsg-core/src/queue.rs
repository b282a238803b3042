//! The bounded queue between two tasks.
//!
//! A queue is counted in bytes as well as in items, taken whole by its
//! consumer, and locked and woken once per batch rather than once per item.
//!
//! ```
//! use std::collections::VecDeque;
//! use aiomsg_core::{Outbound, queue::{Limits, Queue}};
//! use std::task::{Context, Poll, Waker};
//!
//! let queue = Queue::new(Limits { items: 2, bytes: 1024 });
//! let mut cx = Context::from_waker(Waker::noop());
//! queue.push(Outbound::new("one")).unwrap();
//! queue.push(Outbound::new("two")).unwrap();
//! assert!(queue.poll_ready(&mut cx).is_pending(), "two items are the limit");
//!
//! let mut batch = VecDeque::new();
//! assert_eq!(queue.poll_take(&mut cx, &mut batch), Poll::Ready(true));
//! assert!(queue.poll_ready(&mut cx).is_pending(), "taken items count until they are released");
//! queue.release(2, 6);
//! assert!(queue.poll_ready(&mut cx).is_ready());
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::outbound::offer_each;
use crate::sync::{Mutex, MutexGuard};
use crate::{Outbound, hook};

/// What an item counts against a queue's bound in bytes.
pub trait Weight {
    /// The weight in bytes.
    fn weight(&self) -> usize;
}

/// How much a queue holds.
///
/// A queue below both limits takes one more item, of any size: so it can
/// exceed `bytes` by one item, and a single item above `bytes` still passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The high-water mark in items.
    pub items: usize,
    /// The high-water mark in bytes of payload.
    pub bytes: usize,
}

impl Limits {
    /// Whether one more item may come on top of what is there.
    pub fn admit(&self, items: usize, bytes: usize) -> bool {
        items < self.items && bytes < self.bytes
    }
}

/// An idle queue keeps room for as many items.
const IDLE_CAPACITY: usize = 16;

/// The other end is gone. Hands back what could not be pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue is closed")]
pub struct Closed<T = ()>(pub T);

/// A bounded queue, shared by whoever has a clone of it.
///
/// Any number of producers and consumers may wait on it at once.
pub struct Queue<T>(Arc<Shared<T>>);

/// Hears when a queue becomes full, and when half of it is free again.
type Levels = Arc<dyn Fn(Level) + Send + Sync>;

struct Shared<T> {
    levels: Option<Levels>,
    state: Mutex<State<T>>,
}

/// How full a queue has become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// It has reached one of its limits.
    High,
    /// It was high, and half of it is free again.
    Low,
}

/// Which items are taken out of a queue to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shed {
    /// The oldest, until one more is admitted.
    Oldest,
    /// The newest one.
    Newest,
    /// All of them.
    All,
}

struct State<T> {
    items: VecDeque<T>,
    /// Items and bytes that count against the limits: those in `items`, and
    /// those that were taken and not yet released.
    used_items: usize,
    used_bytes: usize,
    closed: bool,
    /// Closed by somebody for whom its consumer is too slow.
    cut: bool,
    /// Its consumer has more than it can pass on.
    stuck: bool,
    /// It has been full, and not half empty since.
    high: bool,
    /// Its consumer found nothing, and nothing has come since.
    idle: bool,
    limits: Limits,
    producers: WakerList,
    consumers: WakerList,
}

impl<T: Weight> Queue<T> {
    /// An empty queue.
    pub fn new(limits: Limits) -> Self {
        Self::build(limits, None)
    }

    /// An empty queue that tells when it becomes full, and when half of it is
    /// free again. `levels` must not block, and is called when this thread holds no lock
    /// of a socket's, see [`hook`]. When it panics, that ends here:
    /// whoever pushes and pops has others to look after.
    pub fn with_levels(limits: Limits, levels: impl Fn(Level) + Send + Sync + 'static) -> Self {
        Self::build(limits, Some(Arc::new(levels)))
    }

    fn build(limits: Limits, levels: Option<Levels>) -> Self {
        Self(Arc::new(Shared {
            levels,
            state: Mutex::new(State {
                items: VecDeque::new(),
                used_items: 0,
                used_bytes: 0,
                closed: false,
                cut: false,
                stuck: false,
                high: false,
                idle: false,
                limits,
                producers: WakerList::default(),
                consumers: WakerList::default(),
            }),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // The state is whole between any two statements that can panic.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ===== producers =====

    /// Ready when one more item may be pushed.
    ///
    /// Nothing is reserved: of several producers that see room at the same
    /// time each may push, so a bound can be exceeded by one item for each.
    ///
    /// # Errors
    ///
    /// When the queue is closed.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let mut state = self.lock();
        if state.closed {
            return Poll::Ready(Err(Closed(())));
        }
        if state.admits() {
            return Poll::Ready(Ok(()));
        }
        state.producers.register(cx.waker());
        Poll::Pending
    }

    /// Appends an item, whether or not there is room: the bound is kept by
    /// asking [`Queue::poll_ready`] first.
    ///
    /// # Errors
    ///
    /// Hands the item back when the queue is closed.
    pub fn push(&self, item: T) -> Result<(), Closed<T>> {
        let mut state = self.lock();
        if state.closed {
            return Err(Closed(item));
        }
        state.add(item);
        self.pushed(state);
        Ok(())
    }

    /// Tells whoever waits for items, and whoever hears of levels.
    #[inline]
    fn pushed(&self, mut state: MutexGuard<'_, State<T>>) {
        let high = self.has_become_high(&mut state);
        if state.consumers.is_empty() && !high {
            return;
        }
        let woken = state.consumers.take();
        drop(state);
        woken.wake();
        if high {
            self.tell(Level::High);
        }
    }

    /// Appends an item if there is room: what [`Queue::poll_ready`] and
    /// [`Queue::push`] do one after the other, under one lock. Nobody is woken
    /// when there is room later.
    ///
    /// # Errors
    ///
    /// Hands the item back when the queue is full or closed.
    pub fn try_push(&self, item: T) -> Result<(), T> {
        let mut item = Some(item);
        self.try_push_from(&mut item);
        item.map_or(Ok(()), Err)
    }

    /// The same, for an item that is to be moved once and not at each call on
    /// its way. Says whether it was taken.
    #[inline]
    pub fn try_push_from(&self, item: &mut Option<T>) -> bool {
        let mut state = self.lock();
        if state.closed || !state.admits() {
            return false;
        }
        let Some(weight) = item.as_ref().map(T::weight) else {
            return true;
        };
        state.used_items += 1;
        state.used_bytes += weight;
        // Straight into its place.
        state.items.extend(item.take());
        self.pushed(state);
        true
    }

    /// Appends up to `most` items from the front of `items`, as far as there is
    /// room, under one lock and with one wake. Says how many.
    pub fn try_push_all(&self, items: &mut VecDeque<T>, most: usize) -> usize {
        let mut state = self.lock();
        if state.closed {
            return 0;
        }
        let mut count = 0;
        while count < most
            && state.admits()
            && let Some(item) = items.pop_front()
        {
            state.add(item);
            count += 1;
        }
        if count > 0 {
            self.pushed(state);
        }
        count
    }

    /// Appends a batch under one lock and with one wake. The batch is left
    /// empty.
    ///
    /// # Errors
    ///
    /// When the queue is closed; the batch keeps its items.
    pub fn push_batch(&self, batch: &mut VecDeque<T>) -> Result<(), Closed> {
        let mut state = self.lock();
        if state.closed {
            return Err(Closed(()));
        }
        state.used_items += batch.len();
        state.used_bytes += batch.iter().map(Weight::weight).sum::<usize>();
        match state.items.is_empty() {
            true => std::mem::swap(&mut state.items, batch),
            false => state.items.append(batch),
        }
        self.pushed(state);
        Ok(())
    }

    // ===== consumers =====

    /// Takes everything that waits, in exchange for the empty `batch`. What
    /// was taken counts against the limits until it is
    /// [released](Queue::release).
    ///
    /// `Ready(false)` says that the queue is closed and empty.
    pub fn poll_take(&self, cx: &mut Context<'_>, batch: &mut VecDeque<T>) -> Poll<bool> {
        debug_assert!(batch.is_empty(), "the batch would be lost");
        let mut state = self.lock();
        if !state.items.is_empty() {
            std::mem::swap(&mut state.items, batch);
            state.idle = false;
            return Poll::Ready(true);
        }
        if state.closed {
            return Poll::Ready(false);
        }
        // Nothing has come since the last look, either: a burst that is over
        // costs nothing, and one that goes on does not grow its memory anew.
        if std::mem::replace(&mut state.idle, true) {
            if state.items.capacity() > IDLE_CAPACITY {
                state.items = VecDeque::new();
            }
            if batch.capacity() > IDLE_CAPACITY {
                *batch = VecDeque::new();
            }
        }
        state.consumers.register(cx.waker());
        Poll::Pending
    }

    /// How much may be pushed before the limits are reached.
    pub fn room(&self) -> Limits {
        self.room_and(Limits { items: 0, bytes: 0 })
    }

    /// How much may be pushed before so much more than the limits is reached.
    pub fn room_and(&self, more: Limits) -> Limits {
        let state = self.lock();
        let Limits { items, bytes } = state.limits;
        Limits {
            items: items
                .saturating_add(more.items)
                .saturating_sub(state.used_items),
            bytes: bytes
                .saturating_add(more.bytes)
                .saturating_sub(state.used_bytes),
        }
    }

    /// Gives back the room of items that were taken.
    pub fn release(&self, items: usize, bytes: usize) {
        let mut state = self.lock();
        state.stuck = false;
        state.used_items = state.used_items.saturating_sub(items);
        state.used_bytes = state.used_bytes.saturating_sub(bytes);
        let woken = if state.admits() {
            state.producers.take()
        } else {
            Woken::default()
        };
        let low = self.has_become_low(&mut state);
        drop(state);
        woken.wake();
        if low {
            self.tell(Level::Low);
        }
    }

    fn has_become_high(&self, state: &mut State<T>) -> bool {
        let full = !state.admits();
        full && !std::mem::replace(&mut state.high, true)
    }

    fn has_become_low(&self, state: &mut State<T>) -> bool {
        state.high && self.is_low(state) && std::mem::take(&mut state.high)
    }

    fn is_low(&self, state: &State<T>) -> bool {
        let Limits { items, bytes } = state.limits;
        state.used_items <= items / 2 && state.used_bytes <= bytes / 2
    }

    fn tell(&self, level: Level) {
        if let Some(levels) = &self.0.levels {
            let levels = Arc::clone(levels);
            hook::tell(move || levels(level));
        }
    }

    /// Takes one item, and its room. `Ready(None)` says that the queue is
    /// closed and empty.
    #[inline]
    pub fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_pop_with(cx, |item| item)
    }

    /// The same, and takes of the item what is wanted, which is under the lock of
    /// the queue: less is moved then.
    #[inline]
    pub fn poll_pop_with<R>(
        &self,
        cx: &mut Context<'_>,
        take: impl FnOnce(T) -> R,
    ) -> Poll<Option<R>> {
        let mut state = self.lock();
        let Some(item) = state.items.pop_front() else {
            if state.closed {
                return Poll::Ready(None);
            }
            state.consumers.register(cx.waker());
            return Poll::Pending;
        };
        state.sub(&item);
        let item = take(item);
        self.popped(state);
        Poll::Ready(Some(item))
    }

    /// Tells whoever waits for room, and whoever hears of levels.
    #[inline]
    fn popped(&self, mut state: MutexGuard<'_, State<T>>) {
        // Waking producers at the high-water mark would have them push one
        // item, sleep, and wake again for the next: let half of the room
        // become free first.
        if (state.high || !state.producers.is_empty()) && self.is_low(&state) {
            let woken = state.producers.take();
            let low = self.has_become_low(&mut state);
            drop(state);
            woken.wake();
            if low {
                self.tell(Level::Low);
            }
        }
    }

    /// Takes up to `most` items, and their room, and puts them behind what is in
    /// `items`: under one lock, and with one wake. Says how many; zero if the queue
    /// is closed and empty.
    pub fn poll_pop_all(
        &self,
        cx: &mut Context<'_>,
        items: &mut Vec<T>,
        most: usize,
    ) -> Poll<usize> {
        let mut state = self.lock();
        let count = state.items.len().min(most);
        if count == 0 {
            if state.closed || most == 0 {
                return Poll::Ready(0);
            }
            state.consumers.register(cx.waker());
            return Poll::Pending;
        }
        let before = items.len();
        items.extend(state.items.drain(..count));
        for item in &items[before..] {
            state.sub(item);
        }
        self.popped(state);
        Poll::Ready(count)
    }

    // ===== both =====

    /// Refuses pushes from now on. What is there can still be taken.
    pub fn close(&self) {
        Self::close_locked(self.lock());
    }

    /// Puts items that were taken, and could not be used, back in front of all
    /// others in their order, and closes the queue in the same step: whoever
    /// sees it closed sees all that is left. Nothing that was taken is to be
    /// released after that.
    pub fn close_with(&self, items: impl DoubleEndedIterator<Item = T>) {
        let mut state = self.lock();
        for item in items.rev() {
            state.items.push_front(item);
        }
        state.used_items = state.items.len();
        state.used_bytes = state.items.iter().map(Weight::weight).sum();
        Self::close_locked(state);
    }

    fn close_locked(mut state: MutexGuard<'_, State<T>>) {
        state.closed = true;
        let producers = state.producers.take();
        let consumers = state.consumers.take();
        drop(state);
        producers.wake();
        consumers.wake();
    }

    /// Makes room for so much more, for good.
    pub fn raise_limits(&self, by: Limits) {
        let mut state = self.lock();
        state.limits.items = state.limits.items.saturating_add(by.items);
        state.limits.bytes = state.limits.bytes.saturating_add(by.bytes);
        let woken = state.producers.take();
        drop(state);
        woken.wake();
    }

    /// Closes the queue since its consumer is too slow, who finds it
    /// [cut](Queue::poll_cut).
    pub fn cut(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.cut = true;
        let producers = state.producers.take();
        let consumers = state.consumers.take();
        drop(state);
        producers.wake();
        consumers.wake();
    }

    /// Ready when the queue was [cut](Queue::cut). Asked by a consumer that has
    /// taken what it cannot pass on now: until it [releases](Queue::release)
    /// some of that, the queue [is stuck](Queue::is_stuck).
    pub fn poll_cut(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.cut {
            return Poll::Ready(());
        }
        state.consumers.register(cx.waker());
        // Whoever waits for room may lose patience now.
        let woken = match std::mem::replace(&mut state.stuck, true) {
            true => Woken::default(),
            false => state.producers.take(),
        };
        drop(state);
        woken.wake();
        Poll::Pending
    }

    /// Whether its consumer has taken what it cannot pass on now. A queue may be
    /// full and not stuck: when more was pushed at once than it holds, and its
    /// consumer has not had its turn since.
    pub fn is_stuck(&self) -> bool {
        self.lock().stuck
    }

    /// Takes everything that is there, and its room.
    pub fn drain(&self) -> VecDeque<T> {
        self.shed(Shed::All)
    }

    /// Takes some of what is there, and its room. What a consumer has taken
    /// already is not among it.
    pub fn shed(&self, which: Shed) -> VecDeque<T> {
        let mut state = self.lock();
        let items = match which {
            Shed::All => {
                let items = std::mem::take(&mut state.items);
                state.used_items -= items.len();
                state.used_bytes -= items.iter().map(Weight::weight).sum::<usize>();
                items
            }
            Shed::Newest => {
                let newest = state.items.pop_back();
                newest.into_iter().inspect(|item| state.sub(item)).collect()
            }
            Shed::Oldest => {
                let mut items = VecDeque::new();
                while !state.admits()
                    && let Some(item) = state.items.pop_front()
                {
                    state.sub(&item);
                    items.push_back(item);
                }
                items
            }
        };
        let woken = state.producers.take();
        let low = self.has_become_low(&mut state);
        drop(state);
        woken.wake();
        if low {
            self.tell(Level::Low);
        }
        items
    }

    /// Items that count against the limits now.
    pub fn items(&self) -> usize {
        self.lock().used_items
    }

    /// Bytes that count against the limits now.
    pub fn bytes(&self) -> usize {
        self.lock().used_bytes
    }

    /// Whether nothing is in the queue or taken from it and not released.
    pub fn is_empty(&self) -> bool {
        self.lock().used_items == 0
    }

    /// Whether the queue refuses pushes.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }
}

impl<T: Weight> State<T> {
    fn admits(&self) -> bool {
        self.limits.admit(self.used_items, self.used_bytes)
    }

    #[inline]
    fn add(&mut self, item: T) {
        self.used_items += 1;
        self.used_bytes += item.weight();
        self.items.push_back(item);
    }

    #[inline]
    fn sub(&mut self, item: &T) {
        self.used_items -= 1;
        self.used_bytes -= item.weight();
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

/// A peer, seen from a router: takes messages, and gives back those that it
/// could not send.
///
/// Everything here is synchronous, so that a message costs no future on its
/// way. [`Queue`] is also a [`tower::Service`], for tower's own balancers.
pub trait Peer {
    /// Ready when one more message may be pushed.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>>;

    /// Gives the peer a message.
    ///
    /// # Errors
    ///
    /// Hands the message back when the connection is gone.
    fn push(&mut self, message: Outbound) -> Result<(), Closed<Outbound>>;

    /// Gives the peer a message if it has room, and says whether it has taken
    /// it: it has not when there is no room, and when the connection is gone.
    /// Nobody is woken when it has room later.
    fn try_push(&mut self, message: &mut Option<Outbound>) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        if !matches!(self.poll_room(&mut cx), Poll::Ready(Ok(()))) {
            return false;
        }
        if let Some(taken) = message.take()
            && let Err(Closed(back)) = self.push(taken)
        {
            *message = Some(back);
        }
        message.is_none()
    }

    /// Gives the peer up to `most` messages from the front of these, as far as it
    /// has room: what [`try_push`](Peer::try_push) does for one. Says how many.
    fn try_push_all(&mut self, messages: &mut VecDeque<Outbound>, most: usize) -> usize {
        offer_each(messages, most, |message| self.try_push(message))
    }

    /// How much it may be given before it has no more room, if that is known.
    fn room(&self) -> Limits {
        Limits { items: 0, bytes: 0 }
    }

    /// How much waits for the peer: the bytes of payload, and one for each
    /// message.
    fn waiting(&self) -> usize;

    /// Takes messages out to make room, and hands them out.
    fn shed(&mut self, which: Shed) -> VecDeque<Outbound>;

    /// Whether it is for the peer to take something, where there is no room: and
    /// not for its connection, which may not have had its turn.
    fn is_stuck(&self) -> bool {
        true
    }

    /// Ends the connection, since its peer takes too little.
    fn disconnect(&mut self);

    /// Takes back what was not sent, the oldest message first. Called once the
    /// connection has ended.
    fn reclaim(&mut self) -> VecDeque<Outbound>;
}

impl Peer for Queue<Outbound> {
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.poll_ready(cx)
    }

    fn push(&mut self, message: Outbound) -> Result<(), Closed<Outbound>> {
        Queue::push(self, message)
    }

    #[inline]
    fn try_push(&mut self, message: &mut Option<Outbound>) -> bool {
        self.try_push_from(message)
    }

    fn try_push_all(&mut self, messages: &mut VecDeque<Outbound>, most: usize) -> usize {
        Queue::try_push_all(self, messages, most)
    }

    fn room(&self) -> Limits {
        Queue::room(self)
    }

    fn waiting(&self) -> usize {
        let state = self.lock();
        state.used_bytes + state.used_items
    }

    fn shed(&mut self, which: Shed) -> VecDeque<Outbound> {
        Queue::shed(self, which)
    }

    fn is_stuck(&self) -> bool {
        Queue::is_stuck(self)
    }

    fn disconnect(&mut self) {
        self.cut();
    }

    fn reclaim(&mut self) -> VecDeque<Outbound> {
        self.drain()
    }
}

/// The queue of a connection is the service that sends to its peer.
impl tower::Service<Outbound> for Queue<Outbound> {
    type Response = ();
    type Error = Closed<Option<Outbound>>;
    type Future = std::future::Ready<Result<(), Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Queue::poll_ready(self, cx).map_err(|Closed(())| Closed(None))
    }

    fn call(&mut self, message: Outbound) -> Self::Future {
        std::future::ready(
            self.push(message)
                .map_err(|Closed(item)| Closed(Some(item))),
        )
    }
}

// ===== wakers =====

/// The tasks that wait for one thing.
///
/// A future that was dropped leaves its waker behind. So that these cannot
/// pile up without end, a list that has grown to its limit wakes everyone, and
/// the living register again. The limit grows, lest many living tasks wake
/// each other for ever, up to [`WakerList::MOST`].
#[derive(Debug)]
pub struct WakerList {
    wakers: Vec<Waker>,
    limit: usize,
}

impl Default for WakerList {
    fn default() -> Self {
        Self {
            wakers: Vec::new(),
            limit: 16,
        }
    }
}

impl WakerList {
    /// The most wakers that a list ever holds.
    pub const MOST: usize = 1 << 16;

    /// Adds a task, once.
    pub fn register(&mut self, waker: &Waker) {
        if self.wakers.iter().any(|known| known.will_wake(waker)) {
            return;
        }
        if self.wakers.len() >= self.limit {
            self.limit = (self.limit * 2).min(Self::MOST);
            self.wakers.drain(..).for_each(Waker::wake);
        }
        self.wakers.push(waker.clone());
    }

    /// Takes all tasks, to be woken once the lock is released.
    pub fn take(&mut self) -> Woken {
        match self.wakers.len() {
            0 => Woken::default(),
            1 => Woken {
                one: self.wakers.pop(),
                more: Vec::new(),
            },
            _ => Woken {
                one: None,
                more: std::mem::take(&mut self.wakers),
            },
        }
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.wakers.is_empty()
    }
}

/// Tasks taken from a [`WakerList`].
#[derive(Debug, Default)]
#[must_use = "the tasks wait to be woken"]
pub struct Woken {
    one: Option<Waker>,
    more: Vec<Waker>,
}

impl Woken {
    /// Wakes them. To be called without a lock held. One that panics keeps no other from
    /// being woken.
    pub fn wake(self) {
        for waker in self.one.into_iter().chain(self.more) {
            hook::caught(|| waker.wake());
        }
    }
}

#[cfg(all(test, aiomsg_loom))]
mod interleavings;

#[cfg(test)]
mod tests {
    use super::*;

    fn cx() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    fn queue(items: usize, bytes: usize) -> Queue<Outbound> {
        Queue::new(Limits { items, bytes })
    }

    #[test]
    fn bytes_are_a_bound_of_their_own() {
        let queue = queue(100, 10);
        queue.push(Outbound::new("123456789")).unwrap();
        assert!(queue.poll_ready(&mut cx()).is_ready(), "nine bytes of ten");
        queue.push(Outbound::new("a large one")).unwrap();
        assert!(queue.poll_ready(&mut cx()).is_pending());
        assert_eq!(queue.bytes(), 20);
    }

    #[test]
    fn one_item_above_the_bound_passes_an_empty_queue() {
        let queue = queue(1, 1);
        assert!(queue.poll_ready(&mut cx()).is_ready());
        queue.push(Outbound::new("large")).unwrap();
        assert!(matches!(queue.poll_pop(&mut cx()), Poll::Ready(Some(_))));
        assert!(queue.is_empty());
    }

    #[test]
    fn a_closed_queue_hands_the_item_back_and_can_be_emptied() {
        let queue = queue(10, 100);
        queue.push(Outbound::new("in time")).unwrap();
        queue.close();
        let Closed(back) = queue.push(Outbound::new("late")).unwrap_err();
        assert_eq!(back.payload(), "late");
        assert!(matches!(queue.poll_ready(&mut cx()), Poll::Ready(Err(_))));
        assert!(matches!(queue.poll_pop(&mut cx()), Poll::Ready(Some(_))));
        assert!(matches!(queue.poll_pop(&mut cx()), Poll::Ready(None)));
    }

    #[test]
    fn what_comes_back_at_the_close_comes_first_and_in_order() {
        let queue = queue(10, 100);
        queue.push(Outbound::new("3")).unwrap();
        queue.close_with(["1", "2"].map(Outbound::new).into_iter());
        let order: Vec<_> = queue
            .drain()
            .into_iter()
            .map(Outbound::into_payload)
            .collect();
        assert_eq!(order, ["1", "2", "3"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_is_tried_keeps_the_bound_and_comes_back() {
        let queue = queue(2, 100);
        for payload in ["1", "2"] {
            queue.try_push(Outbound::new(payload)).unwrap();
        }
        let back = queue.try_push(Outbound::new("3")).unwrap_err();
        assert_eq!((back.payload(), queue.items()), (&"3".into(), 2));
        queue.raise_limits(Limits { items: 1, bytes: 0 });
        queue.try_push(back).unwrap();
        queue.close();
        queue.try_push(Outbound::new("4")).unwrap_err();
        assert_eq!(queue.drain().len(), 3);
    }

    /// The end of a session found its queue empty, since what it had taken before
    /// counted no more when it was closed and was released after that.
    #[test]
    fn what_was_taken_before_the_close_counts_until_it_is_released() {
        let queue = queue(10, 100);
        let mut cx = Context::from_waker(Waker::noop());
        let mut batch = VecDeque::new();
        queue.push(Outbound::new("taken")).unwrap();
        assert!(queue.poll_take(&mut cx, &mut batch).is_ready());
        queue.push(Outbound::new("waits")).unwrap();
        queue.close();
        queue.release(1, 5);
        assert!(!queue.is_empty());
        assert_eq!((queue.items(), queue.bytes()), (1, 5));
    }

    #[test]
    fn a_batch_goes_behind_what_is_there() {
        let queue = queue(10, 100);
        for batch in [["1", "2"], ["3", "4"]] {
            let mut batch = batch.map(Outbound::new).into();
            queue.push_batch(&mut batch).unwrap();
            assert!(batch.is_empty());
        }
        assert_eq!((queue.items(), queue.bytes()), (4, 4));
        let order = queue.drain().into_iter().map(Outbound::into_payload);
        assert_eq!(order.collect::<Vec<_>>(), ["1", "2", "3", "4"]);
    }

    #[test]
    fn many_are_pushed_up_to_the_bound_and_popped_up_to_what_is_wanted() {
        let queue = queue(3, 100);
        let mut cx = cx();
        let mut messages: VecDeque<_> = ["1", "2", "3", "4"].map(Outbound::new).into();
        assert_eq!(queue.try_push_all(&mut messages, 2), 2);
        assert_eq!(queue.try_push_all(&mut messages, 9), 1);
        assert_eq!((messages.len(), queue.items(), queue.bytes()), (1, 3, 3));

        let mut popped = vec![Outbound::new("0")];
        assert_eq!(queue.poll_pop_all(&mut cx, &mut popped, 0), Poll::Ready(0));
        assert_eq!(queue.poll_pop_all(&mut cx, &mut popped, 2), Poll::Ready(2));
        assert_eq!(queue.poll_pop_all(&mut cx, &mut popped, 9), Poll::Ready(1));
        let order = popped.into_iter().map(Outbound::into_payload);
        assert_eq!(order.collect::<Vec<_>>(), ["0", "1", "2", "3"]);
        assert_eq!((queue.items(), queue.bytes()), (0, 0));

        let mut none = Vec::new();
        assert!(queue.poll_pop_all(&mut cx, &mut none, 9).is_pending());
        queue.close();
        assert_eq!(queue.poll_pop_all(&mut cx, &mut none, 9), Poll::Ready(0));
        assert_eq!(queue.try_push_all(&mut messages, 9), 0);
        assert_eq!(messages.len(), 1);
    }

    #[test]
    fn wakers_of_dropped_futures_do_not_pile_up() {
        use std::sync::atomic::{AtomicUsize, Ordering};

        #[derive(Default)]
        struct Count(AtomicUsize);
        impl std::task::Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }

        let mut list = WakerList::default();
        let live = Arc::new(Count::default());
        list.register(&Waker::from(Arc::clone(&live)));
        for _ in 0..5_000 {
            list.register(&Waker::from(Arc::new(Count::default())));
            if live.0.swap(0, Ordering::Relaxed) > 0 {
                list.register(&Waker::from(Arc::clone(&live)));
            }
        }
        assert!(list.wakers.len() <= 5_000);
        // However often the list was emptied, the living one is in it.
        list.take().wake();
        assert_eq!(live.0.load(Ordering::Relaxed), 1);
    }

    /// A session pops and a caller pushes: neither is to end with such a function.
    #[test]
    fn a_function_of_levels_that_panics_costs_its_caller_nothing() {
        let limits = Limits {
            items: 1,
            bytes: 100,
        };
        let queue = Queue::with_levels(limits, |_| panic!("as the test wants"));
        let mut cx = Context::from_waker(Waker::noop());
        queue.push(Outbound::new("one")).unwrap();
        assert!(queue.poll_ready(&mut cx).is_pending());
        let popped = queue.poll_pop(&mut cx);
        assert!(matches!(popped, Poll::Ready(Some(it)) if it.payload() == "one"));
        assert!(queue.poll_ready(&mut cx).is_ready());
    }
}

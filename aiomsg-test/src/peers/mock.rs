use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use aiomsg_core::sync::{Mutex, MutexGuard};
use aiomsg_core::{Limits, Outbound};
use aiomsg_layers::queue::{Closed, Peer, Queue, Shed, WakerList};

/// A peer, as the send path sees it. See the [module](super).
#[derive(Clone)]
pub struct MockPeer(Arc<Shared>);

pub(super) struct Shared {
    pub(super) queue: Queue<Outbound>,
    state: Mutex<State>,
}

/// What a queue does not know.
#[derive(Default)]
pub(super) struct State {
    /// The test wants no room to be there.
    pub(super) full: bool,
    /// Who waits for that to end.
    pub(super) producers: WakerList,
    /// Messages that came while there was no room.
    pub(super) overruns: usize,
    /// Whether the table knows of the end.
    pub(super) removed: bool,
}

impl Shared {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            queue: Queue::new(limits),
            state: Mutex::default(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl MockPeer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }
}

impl Peer for MockPeer {
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let mut state = self.0.lock();
        if state.full {
            state.producers.register(cx.waker());
            // Checked after registering, so that the wake of an end in between is not lost.
            if !self.0.queue.is_closed() {
                return Poll::Pending;
            }
        }
        drop(state);
        self.0.queue.poll_ready(cx)
    }

    fn push(&mut self, message: Outbound) -> Result<(), Closed<Outbound>> {
        let room = self.0.queue.room();
        let full = room.items == 0 || room.bytes == 0;
        self.0.queue.push(message)?;
        let mut state = self.0.lock();
        state.overruns += usize::from(full || state.full);
        Ok(())
    }

    fn shed(&mut self, which: Shed) -> VecDeque<Outbound> {
        self.0.queue.shed(which)
    }

    fn disconnect(&mut self) {
        self.0.queue.cut();
    }

    fn waiting(&self) -> usize {
        self.0.queue.waiting()
    }

    fn reclaim(&mut self) -> VecDeque<Outbound> {
        self.0.queue.drain()
    }
}

impl fmt::Debug for MockPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MockPeer").field(&self.0.queue).finish()
    }
}

//! Counting in a flood.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aiomsg_core::sync::Mutex;
use aiomsg_layers::shared::{catch, note};
use metrics::Counter;
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep};

use super::layer::Handles;

/// How long a count is kept from the recorder, from the first poll of the task on.
const LATEST: Duration = Duration::from_millis(10);

/// Counts the messages of one service, and tells the recorder.
///
/// A counter of a recorder is shared, and each addition to it is an atomic operation or two. Two
/// counters cost as much as half of sending a small message. So in a flood the counts are kept
/// here, and a task of the runtime tells the recorder. It ends when the flood does.
#[derive(Debug)]
pub(super) struct Tally(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    handles: Arc<Handles>,
    // Written by the one who has the tally as `&mut`, so without atomic additions.
    messages: AtomicUsize,
    bytes: AtomicUsize,
    /// The counts that the recorder has.
    told: Mutex<(usize, usize)>,
    /// A task tells the recorder.
    has_task: AtomicBool,
    /// The runtime that was found has no timers, so no task is begun.
    has_no_timer: AtomicBool,
}

impl Tally {
    pub(super) fn new(handles: Arc<Handles>) -> Self {
        Self(Arc::new(Shared {
            handles,
            messages: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            told: Mutex::default(),
            has_task: AtomicBool::new(false),
            has_no_timer: AtomicBool::new(false),
        }))
    }

    pub(super) fn handles(&self) -> &Arc<Handles> {
        &self.0.handles
    }

    /// Counts a message. The recorder has it at once or, in a flood, [a little
    /// later](LATEST).
    #[inline]
    pub(super) fn count(&mut self, bytes: usize, flood: bool) {
        let shared = &*self.0;
        for (count, more) in [(&shared.messages, 1), (&shared.bytes, bytes)] {
            let sum = count.load(Ordering::Relaxed).wrapping_add(more);
            count.store(sum, Ordering::Relaxed);
        }
        if !(flood && shared.has_task.load(Ordering::Relaxed)) {
            self.tell(flood);
        }
    }

    #[cold]
    fn tell(&mut self, flood: bool) {
        match flood {
            true if self.begins() => {}
            _ => drop(self.0.tell()),
        }
    }

    /// Begins a task that tells the recorder, where there is a runtime for it.
    fn begins(&self) -> bool {
        let shared = &self.0;
        if shared.has_no_timer.load(Ordering::Relaxed) {
            return false;
        }
        let Ok(runtime) = Handle::try_current() else {
            return false;
        };
        // Tokio says by a panic that a runtime has no timers.
        let Ok(first) = catch("a timer", || sleep(LATEST)) else {
            shared.has_no_timer.store(true, Ordering::Relaxed);
            return false;
        };
        shared.has_task.store(true, Ordering::Relaxed);
        let (shared, has_left) = (Arc::clone(shared), false);
        runtime.spawn(Task { shared, has_left }.run(first));
        true
    }
}

impl Shared {
    /// Tells the recorder what it does not have. Returns whether there was anything.
    fn tell(&self) -> bool {
        let mut told = self.told.lock();
        let messages = self.messages.load(Ordering::Relaxed);
        let bytes = self.bytes.load(Ordering::Relaxed);
        let new = (messages.wrapping_sub(told.0), bytes.wrapping_sub(told.1));
        *told = (messages, bytes);
        drop(told);
        add(&self.handles.messages, new.0);
        add(&self.handles.bytes, new.1);
        new != (0, 0)
    }
}

/// Adds to a counter of the recorder. A panic of it ends here: this is called by destructors.
fn add(counter: &Counter, more: usize) {
    if more > 0
        && let Err(error) = catch("the recorder", || counter.increment(more as u64))
    {
        note(&error);
    }
}

/// Each service has one of its own.
impl Clone for Tally {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(self.handles()))
    }
}

/// A service that is gone has told everything.
impl Drop for Tally {
    fn drop(&mut self) {
        self.0.tell();
    }
}

/// The task that tells the recorder. It ends early when its runtime does.
struct Task {
    shared: Arc<Shared>,
    has_left: bool,
}

impl Task {
    async fn run(mut self, first: Sleep) {
        first.await;
        while self.shared.tell() {
            sleep(LATEST).await;
        }
        self.leave();
        // One who counts may have seen the task just before: that count is there a moment later.
        sleep(LATEST).await;
    }

    /// From now on, one who counts begins a new task.
    fn leave(&mut self) {
        if !std::mem::replace(&mut self.has_left, true) {
            self.shared.has_task.store(false, Ordering::Relaxed);
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.leave();
        self.shared.tell();
    }
}

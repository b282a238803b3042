use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether [`Distribute`](super::Distribute) can reach any peer now: a handle for layers such as a
/// [`Buffer`](crate::buffer) that holds messages only while nobody is connected.
#[derive(Debug, Clone)]
pub struct Reach(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    nobody: AtomicBool,
    full: AtomicBool,
}

impl Reach {
    pub(super) fn new() -> Self {
        Self(Arc::new(Shared {
            nobody: AtomicBool::new(true),
            full: AtomicBool::new(true),
        }))
    }

    /// Whether no peer is connected.
    #[inline]
    pub fn is_nobody(&self) -> bool {
        self.0.nobody.load(Ordering::Relaxed)
    }

    /// Whether no more messages can be placed now without dropping another one. That is so while
    /// nobody is connected, too.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.0.full.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn set(&self, nobody: bool, full: bool) {
        // Under the lock of the stack, and mostly unchanged.
        if self.is_nobody() != nobody {
            self.0.nobody.store(nobody, Ordering::Relaxed);
        }
        if self.is_full() != full {
            self.0.full.store(full, Ordering::Relaxed);
        }
    }
}

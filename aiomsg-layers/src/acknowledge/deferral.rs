use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Who acknowledges an arrived message: the connection at once or, while deferred,
/// the handler. Clones share one switch.
#[derive(Debug, Clone, Default)]
pub struct Deferral(Arc<AtomicBool>);

impl Deferral {
    /// Not deferred: the connection acknowledges at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// Deferred from now on.
    pub fn defer(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether the handler acknowledges.
    #[inline]
    pub fn is_deferred(&self) -> bool {
        self.0.load(Relaxed)
    }
}

impl From<bool> for Deferral {
    fn from(deferred: bool) -> Self {
        Self(Arc::new(deferred.into()))
    }
}

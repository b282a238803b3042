use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Who acknowledges what arrives: the connection at once, or, while deferred,
/// whoever handles it. Clones are one switch.
#[derive(Debug, Clone, Default)]
pub struct Deferral(Arc<AtomicBool>);

impl Deferral {
    /// Not deferred: what arrives is acknowledged at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// Deferred from now on.
    pub fn defer(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether acknowledging is left to whoever handles a message.
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

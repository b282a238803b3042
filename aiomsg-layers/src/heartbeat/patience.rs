use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whether silent peers are waited for, by connections that end: somebody else has
/// a deadline. Clones are one switch.
#[derive(Debug, Clone, Default)]
pub struct Patience(Arc<AtomicBool>);

impl Patience {
    /// A peer that is silent for too long is dead.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on no peer is.
    pub fn wait(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether no peer is.
    pub fn is_patient(&self) -> bool {
        self.0.load(Relaxed)
    }
}

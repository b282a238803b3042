use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whether ending connections wait for silent peers, because the close has a deadline.
/// Clones share one switch.
#[derive(Debug, Clone, Default)]
pub struct Patience(Arc<AtomicBool>);

impl Patience {
    /// Not patient: a peer that is silent for too long is dead.
    pub fn new() -> Self {
        Self::default()
    }

    /// Patient from now on: no peer is dead.
    pub fn wait(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether no peer is dead, however silent.
    pub fn is_patient(&self) -> bool {
        self.0.load(Relaxed)
    }
}

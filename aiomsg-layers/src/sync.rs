//! What tasks share: `std`'s, and loom's when every interleaving is tried.
//!
//! Counting references is left to `std`'s `Arc`, which wakers are made of.

#[cfg(not(aiomsg_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};

#[cfg(aiomsg_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};

/// Runs a model in every interleaving of its threads, with up to two
/// switches that no thread asked for.
#[cfg(all(test, aiomsg_loom))]
pub(crate) fn every_interleaving(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

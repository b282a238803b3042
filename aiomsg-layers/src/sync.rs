//! Locks and atomics: `std`'s, or loom's when every interleaving is tried.
//!
//! `Arc` is always `std`'s, because wakers are made of it.

#[cfg(not(aiomsg_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};

#[cfg(aiomsg_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};

/// Runs a model in every interleaving of its threads, with up to two preemptions.
#[cfg(all(test, aiomsg_loom))]
pub(crate) fn every_interleaving(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

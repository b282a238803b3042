//! Locks and atomics: `std`'s, or loom's when every interleaving is tried.
//!
//! `Arc` is always `std`'s, because wakers are made of it.

#[cfg(not(aiomsg_loom))]
pub(crate) use {
    aiomsg_core::sync::{Mutex, MutexGuard},
    std::sync::atomic,
};

#[cfg(aiomsg_loom)]
pub(crate) use self::modelled::Mutex;
#[cfg(aiomsg_loom)]
pub(crate) use loom::sync::{MutexGuard, atomic};

#[cfg(aiomsg_loom)]
mod modelled {
    use std::sync::PoisonError;

    /// Loom's mutex with the methods of [`aiomsg_core::sync::Mutex`].
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

/// Runs a model in every interleaving of its threads, with up to two preemptions.
#[cfg(all(test, aiomsg_loom))]
pub(crate) fn every_interleaving(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

//! What tasks share: `std`'s, and loom's when every interleaving is tried.
//!
//! Counting references is left to `std`'s `Arc`, which wakers are made of.

#[cfg(not(aiomsg_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(aiomsg_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard};

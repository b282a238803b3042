//! Layers for aiomsg sockets, in a crate of their own.
//!
//! It depends on aiomsg's core alone, which knows no runtime and no sockets.
//! Copy it to start your own.
//!
//! - [`MaxSizeLayer`], around the send path, refuses large messages;
//! - [`TallyLayer`], around each connection, counts frames.

#![forbid(unsafe_code)]

mod max_size;
mod tally;

pub use max_size::{MaxSize, MaxSizeLayer};
pub use tally::{Tally, TallyHook, TallyLayer};

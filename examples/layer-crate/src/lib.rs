//! Layers for aiomsg sockets, in a crate of their own.
//!
//! Of aiomsg it needs the core alone, which knows no runtime and no sockets.
//! Copy it to begin a crate of yours.
//!
//! - [`MaxSizeLayer`], around the send path, refuses messages that are too
//!   large;
//! - [`TallyLayer`], around each connection, counts frames.

#![forbid(unsafe_code)]

mod max_size;
mod tally;

pub use max_size::{MaxSize, MaxSizeLayer};
pub use tally::{Tally, TallyHook, TallyLayer};

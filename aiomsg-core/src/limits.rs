//! How much may be held: what every bound on messages is counted in.

/// What an item counts against a bound in bytes.
pub trait Weight {
    /// The weight in bytes.
    fn weight(&self) -> usize;
}

/// How much a queue, or whatever else keeps messages, holds.
///
/// What is below both limits takes one more item, of any size: so it can
/// exceed `bytes` by one item, and a single item above `bytes` still passes.
///
/// ```
/// use aiomsg_core::{Limits, Outbound, Weight};
///
/// let limits = Limits { items: 100, bytes: 1024 };
/// let message = Outbound::new("hello");
/// assert!(limits.admit(99, 1024 - message.weight()));
/// assert!(!limits.admit(99, 1024), "the bytes are used up");
/// assert!(!limits.admit(100, 0), "the items are used up");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The high-water mark in items.
    pub items: usize,
    /// The high-water mark in bytes of payload.
    pub bytes: usize,
}

impl Limits {
    /// Whether one more item may come on top of what is there.
    pub fn admit(&self, items: usize, bytes: usize) -> bool {
        items < self.items && bytes < self.bytes
    }
}

//! Bounds on the messages that something holds, in messages and bytes.

/// An item's share of a bound in bytes.
pub trait Weight {
    /// The weight in bytes.
    fn weight(&self) -> usize;
}

/// How much a queue, or another holder of messages, holds.
///
/// A holder that is below both limits takes one more item, of any size. So it can
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
    /// Whether one more item may be added to this many.
    pub fn admit(&self, items: usize, bytes: usize) -> bool {
        items < self.items && bytes < self.bytes
    }
}

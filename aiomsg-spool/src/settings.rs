//! The settings of a spool.

use std::time::Duration;

use aiomsg_layers::Overflow;

/// When a stored message is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SyncPolicy {
    /// Before `send` returns: it survives a power cut. One `fsync` for all messages that
    /// come while the one before is under way. The default.
    #[default]
    Always,
    /// After this time at most. It survives the end of the process at once, and a power cut
    /// after the next `fsync`.
    Interval(Duration),
    /// When the system writes it. It survives the end of the process, and not a power cut.
    Os,
}

/// The settings of a spool, whatever its store is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The most messages that are stored, dead letters included. The default is 2^40.
    pub max_messages: u64,
    /// The most bytes of payload that are stored, dead letters included: by default 16 GiB.
    /// The file may need twice as much.
    pub max_bytes: u64,
    /// What happens to a message beyond these limits. Dropped messages are counted.
    pub overflow: Overflow,
    /// How often a message may fail before it is set aside. The socket makes several
    /// attempts for each time. The default is 5.
    pub max_tries: u32,
    /// The most messages that are on their way to peers at once. The default is 8,192.
    pub window: usize,
    /// The most bytes of payload that are on their way to peers at once: by default 16 MiB.
    pub window_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_messages: 1 << 40,
            max_bytes: 16 << 30,
            overflow: Overflow::Wait,
            max_tries: 5,
            window: 8192,
            window_bytes: 16 << 20,
        }
    }
}

impl Settings {
    /// The limits in words.
    pub(crate) fn limit(&self) -> String {
        let (messages, bytes) = (self.max_messages, self.max_bytes);
        format!("{messages} messages or {bytes} bytes")
    }
}

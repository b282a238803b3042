use aiomsg_core::{Error, ErrorKind};

/// Bounds on subscriptions.
///
/// For a publisher these are the bounds of one connection, so that a peer
/// cannot use up its memory: with the defaults some 800 KiB. For a subscriber
/// they should be no larger than those of its publishers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicLimits {
    /// The most prefixes: 1,024.
    pub prefixes: usize,
    /// The longest prefix in bytes: 256.
    pub prefix_len: usize,
}

impl Default for TopicLimits {
    fn default() -> Self {
        Self {
            prefixes: 1_024,
            prefix_len: 256,
        }
    }
}

impl TopicLimits {
    /// Whether one more prefix may be added.
    pub(super) fn admit(&self, held: usize, prefix: &[u8]) -> Result<(), Error> {
        let Self {
            prefixes,
            prefix_len,
        } = *self;
        let reason = if prefix.len() > prefix_len {
            let len = prefix.len();
            format!("a subscription to a prefix of {len} bytes; the most are {prefix_len}")
        } else if held >= prefixes {
            format!("a subscription beyond the most of {prefixes}")
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::Limit).with_reason(reason))
    }
}

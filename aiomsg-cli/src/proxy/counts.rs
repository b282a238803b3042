//! The counters of the proxy itself. Its sockets count the rest.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::forward_times::ForwardTimes;
use super::losses::Losses;

/// Why the proxy could not forward a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Loss {
    /// It is larger than a message of the other side may be.
    TooLarge,
    /// There was no room for it, and the settings say to drop it then.
    Refused,
    /// No consumer acknowledged it, and its producer did not ask to be told.
    Unacknowledged,
    /// A reply to nothing that came by this proxy.
    Unaddressed,
    /// The spool could not store it until the end.
    Unstored,
    /// A consumer has sent something, and replies are not asked for.
    Unasked,
}

const LOSSES: usize = Loss::ALL.len();

impl Loss {
    pub(crate) const ALL: [Self; 6] = [
        Self::TooLarge,
        Self::Refused,
        Self::Unacknowledged,
        Self::Unstored,
        Self::Unaddressed,
        Self::Unasked,
    ];

    /// For people.
    pub(crate) fn means(self) -> &'static str {
        match self {
            Self::TooLarge => "it is larger than a message of the other side may be",
            Self::Refused => "there was no room for it",
            Self::Unacknowledged => "no consumer acknowledged it",
            Self::Unstored => "the spool could not store it",
            Self::Unaddressed => "it is a reply to nothing that came by this proxy",
            Self::Unasked => "a consumer sent it, and the proxy takes no replies",
        }
    }

    /// For labels of metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Refused => "refused",
            Self::Unacknowledged => "unacknowledged",
            Self::Unstored => "unstored",
            Self::Unaddressed => "unaddressed",
            Self::Unasked => "unasked",
        }
    }
}

/// Messages in one direction.
#[derive(Debug, Default)]
pub(crate) struct Way {
    /// Taken out of the inbox of one side.
    pub(super) taken: AtomicU64,
    /// Accepted by the other side or, with a spool, stored there.
    pub(super) forwarded: AtomicU64,
    /// Not acknowledged, so that their senders keep them and send them again.
    pub(super) unacknowledged: AtomicU64,
    lost: [AtomicU64; LOSSES],
}

/// Both directions.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// From producers to consumers.
    pub(crate) messages: Way,
    /// From consumers to producers.
    pub(crate) replies: Way,
    /// Messages without an id that could be answered, while replies are asked
    /// for.
    pub(super) unanswerable: AtomicU64,
    pub(super) reloads: AtomicU64,
    pub(super) failed_reloads: AtomicU64,
    /// How long messages take from the inbox until they are forwarded.
    pub(super) times: ForwardTimes,
    /// The log of lost messages, in both directions.
    pub(super) losses: Losses,
}

pub(super) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

pub(crate) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}

impl Counts {
    /// Counts and logs a lost message of one of the directions.
    pub(super) fn lose(&self, way: &Way, why: Loss) {
        add(&way.lost[why as usize]);
        self.losses.note(why);
    }
}

impl Way {
    pub(crate) fn lost(&self, why: Loss) -> u64 {
        read(&self.lost[why as usize])
    }

    pub(crate) fn all_lost(&self) -> u64 {
        self.lost.iter().map(read).sum()
    }

    /// Taken, and nothing is decided yet.
    pub(super) fn in_hand(&self) -> u64 {
        let settled = read(&self.forwarded) + read(&self.unacknowledged) + self.all_lost();
        read(&self.taken).saturating_sub(settled)
    }
}

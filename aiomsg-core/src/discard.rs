//! Dropped messages: where they go, and why they were dropped.

use std::fmt;
use std::sync::Arc;

use crate::{Outbound, hook};

/// Takes every message that a layer drops.
///
/// Nothing is lost in silence: a layer that can neither send a message nor
/// return it to the caller drops it here, with the reason. The socket counts
/// it and reports it by an event.
///
/// ```
/// use aiomsg_core::{Discard, Discarded, DropReason, Outbound};
///
/// let discard = Discard::new(|lost: Discarded| {
///     println!("{} bytes lost: {}", lost.message.payload().len(), lost.reason);
/// });
/// discard.message(Outbound::new("late"), DropReason::RetriesExhausted);
/// ```
#[derive(Clone)]
pub struct Discard(Arc<dyn Fn(Discarded) + Send + Sync>);

/// A message that was dropped, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Discarded {
    /// The message.
    pub message: Outbound,
    /// Why it was dropped.
    pub reason: DropReason,
}

/// Why a message was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// A copy of a published message waited for a peer whose connection died.
    PeerGone,
    /// The peer to which it was addressed did not come back in time.
    PeerAbsent,
    /// The connection died while the message was within the TLS library, which
    /// does not say how much of it has left: it may have arrived or not, and
    /// under at-most-once it is not sent again.
    Unconfirmed,
    /// There was no room for it, or for a newer one, and the overflow rule
    /// says to drop it.
    Overflow,
    /// No connected peer has subscribed to messages like this one.
    Unwanted,
    /// It was the reply to a message, and the send path refused it.
    ReplyRefused,
    /// The policy that picks its peer panicked or failed.
    PolicyFailed,
    /// At-least-once: no peer acknowledged it, and no resend is left.
    RetriesExhausted,
    /// Connections ended in the middle of it, one after the other: it may be too
    /// large for its receivers, or make them fail.
    Poison,
    /// A layer of the connection made it larger than a message may be.
    TooLarge,
    /// It has headers, its peer speaks the 2019 dialect, which has none, and the socket
    /// sends no message without its headers.
    NoHeaders,
}

impl DropReason {
    /// All reasons, in the order of the enum. A later version may have more.
    pub const ALL: &'static [Self] = &[
        Self::PeerGone,
        Self::PeerAbsent,
        Self::Unconfirmed,
        Self::Overflow,
        Self::Unwanted,
        Self::ReplyRefused,
        Self::PolicyFailed,
        Self::RetriesExhausted,
        Self::Poison,
        Self::TooLarge,
        Self::NoHeaders,
    ];

    /// A short name that stays the same, for labels of metrics and for programs
    /// that read logs. The [`Display`](fmt::Display) is for people.
    ///
    /// ```
    /// use aiomsg_core::DropReason;
    ///
    /// assert_eq!(DropReason::PeerAbsent.name(), "peer_absent");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::PeerGone => "peer_gone",
            Self::PeerAbsent => "peer_absent",
            Self::Unconfirmed => "unconfirmed",
            Self::Overflow => "overflow",
            Self::Unwanted => "unwanted",
            Self::ReplyRefused => "reply_refused",
            Self::PolicyFailed => "policy_failed",
            Self::RetriesExhausted => "retries_exhausted",
            Self::Poison => "poison",
            Self::TooLarge => "too_large",
            Self::NoHeaders => "no_headers",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PeerGone => "the connection it waited for is gone",
            Self::PeerAbsent => "the peer it was addressed to did not come back in time",
            Self::Unconfirmed => "the connection died with it half-way out",
            Self::Overflow => "there was no room for it, or for a newer one",
            Self::Unwanted => "no peer has asked for messages like it",
            Self::ReplyRefused => "it was a reply, and the send path refused it",
            Self::PolicyFailed => "the policy of who gets it failed",
            Self::RetriesExhausted => "it was never acknowledged, and no try is left",
            Self::Poison => {
                "connections kept ending in the middle of it: its receiver may not take one so large"
            }
            Self::TooLarge => "a layer of the connection made it larger than a message may be",
            Self::NoHeaders => "it has headers, and the dialect of its peer has none",
        })
    }
}

impl Discard {
    /// Passes every dropped message to `report`, which must not block.
    pub fn new(report: impl Fn(Discarded) + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    /// Drops a message. `report` is called when this thread holds no lock of a
    /// socket, see [`hook`]. A panic of `report` ends here, because the caller has
    /// other messages to look after.
    pub fn message(&self, message: Outbound, reason: DropReason) {
        let report = Arc::clone(&self.0);
        hook::tell(move || report(Discarded { message, reason }));
    }
}

impl fmt::Debug for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Discard")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_panics_does_not_reach_who_gives_up() {
        let discard = Discard::new(|lost| panic!("{}", lost.reason));
        discard.message(Outbound::new("late"), DropReason::Overflow);
    }

    #[test]
    fn all_reasons_are_in_order_and_have_names_of_their_own() {
        let mut names: Vec<_> = DropReason::ALL.iter().map(|it| it.name()).collect();
        for (n, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, n);
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DropReason::ALL.len());
    }
}

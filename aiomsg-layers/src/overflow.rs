//! The overflow rule: what happens to a message without room, wherever messages are held.

use aiomsg_core::{Discard, DropReason, Error, ErrorKind, Outbound};

use crate::queue::{Peer, Shed};

/// What happens to a message without room.
///
/// The rule applies when the queues of the message's peers are full, and when the buffer
/// for the time without peers, or the mailbox of an absent peer, is full. Every dropped
/// message is counted and reported, with
/// [`DropReason::Overflow`](aiomsg_core::DropReason::Overflow).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// The sender waits until there is room. The default.
    #[default]
    Wait,
    /// The message is refused, and returned in the error
    /// ([`Error::is_limit`](aiomsg_core::Error::is_limit)). A published message goes to
    /// the peers with room, and the copies for the others are dropped.
    RefuseNewest,
    /// The oldest waiting messages are dropped until there is room.
    DropOldest,
    /// All waiting messages are dropped: for news of which only the last one matters.
    KeepNewest,
    /// The peer is disconnected. Its waiting messages go to other peers, or wait for its
    /// return. Where no peer is to blame, the sender waits.
    Disconnect,
}

/// Something that holds messages, up to a bound.
pub(crate) trait Holder {
    /// Whether one more message fits.
    fn has_room(&self) -> bool;

    /// Drops its oldest messages until one more fits, as far as that helps.
    fn drop_oldest(&mut self);

    /// Drops all its messages. Returns whether one more fits then: messages of other peers
    /// may fill it, and these must not go for this one.
    fn drop_all(&mut self) -> bool;

    /// Disconnects the peer that is to blame. Returns whether there is one.
    fn disconnect(&mut self) -> bool {
        false
    }
}

/// The decision of the rule about one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There is room by now.
    Fits,
    /// It waits.
    Waits,
    /// It goes back to its sender.
    Refused,
    /// The holder is gone.
    Disconnected,
}

impl Overflow {
    /// Whether a message never waits where no peer is to blame.
    pub fn decides_at_once(self) -> bool {
        !matches!(self, Self::Wait | Self::Disconnect)
    }

    /// Makes room for one more message, if the rule says so.
    pub(crate) fn make_room(self, holder: &mut impl Holder) -> Verdict {
        if holder.has_room() {
            return Verdict::Fits;
        }
        match self {
            Self::Wait => Verdict::Waits,
            Self::RefuseNewest => Verdict::Refused,
            Self::DropOldest => {
                holder.drop_oldest();
                Verdict::Fits
            }
            Self::KeepNewest => match holder.drop_all() {
                true => Verdict::Fits,
                false => Verdict::Refused,
            },
            Self::Disconnect => match holder.disconnect() {
                true => Verdict::Disconnected,
                false => Verdict::Waits,
            },
        }
    }
}

/// The full queue of a peer.
pub(crate) struct FullQueue<'a, P> {
    pub(crate) peer: &'a mut P,
    pub(crate) discard: &'a Discard,
}

impl<P: Peer> FullQueue<'_, P> {
    fn shed(&mut self, which: Shed) {
        for message in self.peer.shed(which) {
            self.discard.message(message, DropReason::Overflow);
        }
    }
}

impl<P: Peer> Holder for FullQueue<'_, P> {
    fn has_room(&self) -> bool {
        false
    }

    fn drop_oldest(&mut self) {
        self.shed(Shed::Oldest);
    }

    fn drop_all(&mut self) -> bool {
        self.shed(Shed::All);
        true
    }

    fn disconnect(&mut self) -> bool {
        // More may have come at once than the queue holds. That is no fault of the peer.
        let stuck = self.peer.is_stuck();
        if stuck {
            self.peer.disconnect();
        }
        stuck
    }
}

/// The error of a message that must not wait for room.
pub(crate) fn refused(message: Outbound) -> Error {
    Error::new(ErrorKind::Limit)
        .with_reason("there is no room for the message")
        .with_message(message)
}

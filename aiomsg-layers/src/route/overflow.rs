/// What is done with a message for which there is no room.
///
/// It is asked when the peers that would get the message have full queues, and
/// when the buffer for the time without peers, or that for absent peers, is
/// full. Every message that is dropped is counted and reported, with
/// [`DropReason::Overflow`](aiomsg_core::DropReason::Overflow).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// Whoever sends it waits until there is room. The default.
    #[default]
    Wait,
    /// It is refused, with an error that hands it back
    /// ([`Error::is_limit`](aiomsg_core::Error::is_limit)). A published message
    /// goes to the peers that have room, and the copies for others are dropped.
    RefuseNewest,
    /// The oldest messages that wait are dropped, until there is room.
    DropOldest,
    /// All messages that wait are dropped: for news of which only the last one
    /// matters.
    KeepNewest,
    /// The peer is disconnected. What waited for it goes to others, or waits
    /// for its return. Where no peer is to blame, whoever sends it waits.
    Disconnect,
}

impl Overflow {
    /// Whether a message never waits where no peer is to blame.
    pub(crate) fn decides_at_once(self) -> bool {
        !matches!(self, Self::Wait | Self::Disconnect)
    }
}

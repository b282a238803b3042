//! What is kept of a message while layers have it.

use aiomsg_core::Outbound;
use bytes::Bytes;

/// Payloads up to here are kept as a copy of their bytes.
const SMALL: usize = 128;

/// A message as it is before layers get it: they need not hand it back when they fail.
///
/// The handle of a payload counts its owners. When the sender and the session that writes the
/// message are on two processors, each change of the count costs as much as sending a small
/// message. So a small payload is copied.
pub(super) enum Kept {
    /// The payload of a message for anyone, with nothing else to it.
    Small {
        bytes: [u8; SMALL],
        len: usize,
    },
    Whole(Outbound),
}

impl Kept {
    #[inline]
    pub(super) fn of(message: &Outbound) -> Self {
        let payload = message.payload();
        let mut bytes = [0; SMALL];
        match bytes.get_mut(..payload.len()) {
            Some(start) if message.is_bare() => {
                start.copy_from_slice(payload);
                let len = payload.len();
                Self::Small { bytes, len }
            }
            _ => Self::Whole(message.clone()),
        }
    }

    /// The message.
    #[cold]
    pub(super) fn restore(self) -> Outbound {
        match self {
            Self::Small { bytes, len } => {
                let bytes = bytes.get(..len).unwrap_or_default();
                Outbound::new(Bytes::copy_from_slice(bytes))
            }
            Self::Whole(message) => message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiomsg_core::{Identity, MessageId, Target};

    #[test]
    fn a_message_comes_back_as_it_was() {
        let peer = Identity::random();
        for len in [0, 1, SMALL, SMALL + 1, 1 << 20] {
            let message = || Outbound::new(vec![7; len]);
            for message in [
                message(),
                message().to(peer.clone()),
                message().until_acked(),
                message().with_id(MessageId::from_bytes([7; MessageId::LEN])),
                message().header("a", "b"),
                message().header("not a name", "b"),
                message().with_interrupted(2),
                message().with_target(Target::Copy),
            ] {
                assert_eq!(Kept::of(&message).restore(), message);
            }
        }
    }
}

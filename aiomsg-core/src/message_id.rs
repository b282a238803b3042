//! Ids of messages that ask for an acknowledgement.

use std::fmt;

use uuid::Uuid;

/// The 16 bytes that tie an acknowledgement to its message.
///
/// All resends of a message carry the id of the first send, so a receiver can
/// recognise a duplicate.
// Aligned, so that a message is moved in whole words.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(align(8))]
pub struct MessageId([u8; 16]);

impl MessageId {
    /// The length of an id on the wire, in bytes.
    pub const LEN: usize = 16;

    /// An id from its bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, as they travel.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({self})")
    }
}

/// Makes ids: 8 random bytes, the salt, drawn once, then a counter of 8 bytes.
///
/// A counter costs nothing per message, and the salt keeps the ids of two
/// sockets, or of two runs of one program, apart.
///
/// ```
/// use aiomsg_core::MessageIds;
///
/// let mut ids = MessageIds::new();
/// let first = ids.next_id();
/// assert_ne!(first, ids.next_id());
/// assert_eq!(ids.counter_of(first), Some(0));
/// ```
#[derive(Debug, Clone)]
pub struct MessageIds {
    salt: [u8; 8],
    next: u64,
}

impl MessageIds {
    /// A generator with a salt of its own.
    pub fn new() -> Self {
        let random = Uuid::new_v4().into_bytes();
        let mut salt = [0; 8];
        // A UUID4 has fixed bits in bytes 6 and 8: the first four and the last
        // four bytes are all random.
        salt[..4].copy_from_slice(&random[..4]);
        salt[4..].copy_from_slice(&random[12..]);
        Self::with_salt(salt)
    }

    /// A generator with a given salt, for reproducible bytes.
    pub const fn with_salt(salt: [u8; 8]) -> Self {
        Self { salt, next: 0 }
    }

    /// The next id.
    pub fn next_id(&mut self) -> MessageId {
        let id = self.id_of(self.next);
        self.next = self.next.wrapping_add(1);
        id
    }

    /// The id that stands for a counter.
    pub fn id_of(&self, counter: u64) -> MessageId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.salt);
        bytes[8..].copy_from_slice(&counter.to_be_bytes());
        MessageId(bytes)
    }

    /// The counter in an id of this generator, or `None` for an id of another one.
    pub fn counter_of(&self, id: MessageId) -> Option<u64> {
        let (salt, counter) = id.0.split_at(8);
        (salt == self.salt).then(|| u64::from_be_bytes(counter.try_into().unwrap_or_default()))
    }
}

impl Default for MessageIds {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_up_and_are_recognised() {
        let mut ids = MessageIds::with_salt(*b"saltsalt");
        assert_eq!(ids.next_id().as_bytes(), b"saltsalt\0\0\0\0\0\0\0\0");
        assert_eq!(ids.next_id().as_bytes(), b"saltsalt\0\0\0\0\0\0\0\x01");
        assert_eq!(ids.counter_of(ids.id_of(77)), Some(77));
        assert_eq!(ids.counter_of(MessageId::from_bytes([1; 16])), None);
        assert_ne!(MessageIds::new().next_id(), MessageIds::new().next_id());
    }
}

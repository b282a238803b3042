//! The ids of our requests.

use aiomsg_core::MessageId;

use crate::shared::Names;

/// The length of our ids in bytes: 32 lower-case hexadecimal digits, as an id must
/// not have a zero byte.
pub(super) const LEN: usize = 2 * MessageId::LEN;

/// Makes ids of numbers, and finds the number in an id of its own.
///
/// A peer that has been asked cannot derive the ids of other requests, and so cannot
/// answer for other peers. Nor is an answer to a request of the program's last run taken
/// for one of this run.
#[derive(Debug)]
pub(super) struct Ids(Names);

impl Ids {
    pub(super) fn new() -> Self {
        Self(Names::new())
    }

    pub(super) fn id_of(&self, number: u64) -> [u8; LEN] {
        let mut digits = [0; LEN];
        let id = self.0.id(number, number);
        for (pair, byte) in digits.chunks_exact_mut(2).zip(id.as_bytes()) {
            pair[0] = digit(byte >> 4);
            pair[1] = digit(byte & 15);
        }
        digits
    }

    /// The number in an id of ours.
    pub(super) fn number_of(&self, id: &[u8]) -> Option<u64> {
        let digits: &[u8; LEN] = id.try_into().ok()?;
        let mut bytes = [0; MessageId::LEN];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = value(pair[0])? << 4 | value(pair[1])?;
        }
        let number = self.0.place(MessageId::from_bytes(bytes));
        // Any id has a number in it. Only ours is the one that we make of that number.
        (self.id_of(number) == *digits).then_some(number)
    }
}

fn digit(value: u8) -> u8 {
    b"0123456789abcdef"[usize::from(value & 15)]
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

//! What stands before the payload of a request and of its answer: the id and a
//! zero byte.

use aiomsg_core::Identity;
use bytes::{BufMut, Bytes, BytesMut};

/// The zero byte that ends an id is among so many first bytes of a message, or
/// the message has no id.
pub(super) const REACH: usize = 64;

/// The length of our ids in bytes: 8 digits of salt and 16 of a counter.
pub(super) const ID_LEN: usize = SALT_LEN + 16;

const SALT_LEN: usize = 8;

/// Where the id of a message ends, which is where its zero byte is.
pub(super) fn end_of_id(message: &[u8]) -> Option<usize> {
    message.iter().take(REACH).position(|byte| *byte == 0)
}

/// A message of an id and a payload.
pub(super) fn join(id: &[u8], payload: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(id.len() + 1 + payload.len());
    message.put_slice(id);
    message.put_u8(0);
    message.put_slice(payload);
    message.freeze()
}

/// Makes ids of numbers, in lower-case hexadecimal digits, as an id must not
/// have a zero byte.
///
/// The salt keeps the ids of two programs, or of two runs of one, apart: an
/// answer to a request of the last run is not taken for one of this run.
#[derive(Debug)]
pub(super) struct Ids {
    salt: [u8; SALT_LEN],
}

impl Ids {
    pub(super) fn new() -> Self {
        // The first bytes of a random identity are all random.
        let random = Identity::random();
        let salt = random.as_bytes().iter().take(SALT_LEN / 2);
        let salt = salt.fold(0, |salt, byte| salt << 8 | u64::from(*byte));
        Self { salt: hex(salt) }
    }

    pub(super) fn id_of(&self, number: u64) -> [u8; ID_LEN] {
        let mut id = [0; ID_LEN];
        id[..SALT_LEN].copy_from_slice(&self.salt);
        id[SALT_LEN..].copy_from_slice(&hex::<16>(number));
        id
    }

    /// The number in an id of ours.
    pub(super) fn number_of(&self, id: &[u8]) -> Option<u64> {
        let digits = id.strip_prefix(&self.salt)?;
        let digits = std::str::from_utf8(digits).ok()?;
        let number = u64::from_str_radix(digits, 16).ok()?;
        // As we write it, without signs, capitals or fewer digits.
        (self.id_of(number) == *id).then_some(number)
    }
}

/// The last `N` digits of a number.
fn hex<const N: usize>(mut number: u64) -> [u8; N] {
    let mut digits = [0; N];
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number % 16) as usize];
        number /= 16;
    }
    digits
}

//! Numbered messages, and what is seen of them at the other end.

use bytes::Bytes;

/// The message with this number, of `size` bytes.
pub(crate) fn message(number: u64, size: usize) -> Bytes {
    let mut payload = vec![0; size.max(8)];
    payload[..8].copy_from_slice(&number.to_be_bytes());
    payload.into()
}

/// What arrived of a sequence that comes in order, but for repetitions.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The number that comes next.
    next: u64,
    pub(crate) bytes: u64,
    pub(crate) repeated: u64,
    pub(crate) lost: u64,
}

impl Seen {
    pub(crate) fn note(&mut self, payload: &[u8]) {
        let number = payload.first_chunk().expect("a number is in front");
        let number = u64::from_be_bytes(*number);
        self.bytes += payload.len() as u64;
        if number < self.next {
            self.repeated += 1;
        } else {
            self.lost += number - self.next;
            self.next = number + 1;
        }
    }

    /// How many arrived, each counted once.
    pub(crate) fn messages(&self) -> u64 {
        self.next - self.lost
    }
}

//! The messages that are sent.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Payloads up to here are cut off one block of memory, one after the other.
const SMALL: usize = 4 << 10;

const BLOCK: usize = 64 << 10;

/// Of larger payloads so many are kept, to be used again when the library is
/// done with them.
const KEPT: usize = 256;

/// The number of the sender is above this bit, that of the message below.
const SENDER: u32 = 48;

/// Makes messages: the number of the sender and of the message in 8 bytes, then
/// zeroes.
///
/// A sender is handed messages that exist. So that making them is not what is
/// measured, there is no allocation for each.
#[derive(Debug)]
pub struct Source {
    size: usize,
    number: u64,
    block: Bytes,
    kept: VecDeque<Bytes>,
}

impl Source {
    /// The messages of the `nth` sender.
    pub fn new(size: usize, nth: usize) -> Self {
        Self {
            size: size.max(8),
            number: (nth as u64) << SENDER,
            block: Bytes::new(),
            kept: VecDeque::new(),
        }
    }

    /// The next message.
    #[inline]
    pub fn message(&mut self) -> Bytes {
        if self.size > SMALL {
            return self.large();
        }
        if self.block.is_empty() {
            self.refill();
        }
        self.block.split_to(self.size)
    }

    fn refill(&mut self) {
        let count = BLOCK / self.size;
        let mut block = BytesMut::zeroed(count * self.size);
        for message in block.chunks_exact_mut(self.size) {
            message[..8].copy_from_slice(&self.number.to_le_bytes());
            self.number += 1;
        }
        self.block = block.freeze();
    }

    fn large(&mut self) -> Bytes {
        let oldest = self.kept.pop_front().map(Bytes::try_into_mut);
        let mut message = match oldest {
            Some(Ok(free)) => free,
            Some(Err(used)) => {
                self.kept.push_front(used);
                BytesMut::zeroed(self.size)
            }
            None => BytesMut::zeroed(self.size),
        };
        message[..8].copy_from_slice(&self.number.to_le_bytes());
        self.number += 1;
        let message = message.freeze();
        if self.kept.len() < KEPT {
            self.kept.push_back(message.clone());
        }
        message
    }
}

/// The sender and the number of a message.
#[inline]
pub(super) fn read(number: u64) -> (usize, u64) {
    ((number >> SENDER) as usize, number & ((1 << SENDER) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_numbered_whatever_their_size() {
        for size in [64, 1000, 8 << 10] {
            let mut source = Source::new(size, 3);
            let mut held = Vec::new();
            for expected in 0..3000 {
                let message = source.message();
                assert_eq!(message.len(), size);
                let number = u64::from_le_bytes(*message.first_chunk().unwrap());
                assert_eq!(read(number), (3, expected));
                if expected % 7 == 0 && held.len() < 20 {
                    held.push((number, message));
                }
            }
            for (number, message) in held {
                let now = u64::from_le_bytes(*message.first_chunk().unwrap());
                assert_eq!(now, number, "a message that is in use is not written");
            }
        }
    }
}

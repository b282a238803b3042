//! The messages that are sent.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::Sizes;

/// How much memory a sender cuts messages off at a time, when there are so many: they should
/// not be measured by the memory of their messages.
pub(super) fn block(senders: usize) -> usize {
    (BLOCK / senders.max(1)).max(SMALL)
}

/// Payloads up to here are cut off one block of memory, one after the other.
const SMALL: usize = 4 << 10;

const BLOCK: usize = 64 << 10;

/// Of larger payloads so many are kept, to be used again when the library is
/// done with them.
const KEPT: usize = 256;

/// The number of the sender is above this bit, that of the message below.
pub(super) const SENDER: u32 = 48;

/// Makes messages: the number of the sender and of the message in 8 bytes, then
/// zeroes.
///
/// A sender is handed messages that exist. So that making them is not what is
/// measured, there is no allocation for each.
#[derive(Debug)]
pub struct Source {
    sizes: Sizes,
    /// The size of the largest.
    size: usize,
    number: u64,
    block_size: usize,
    block: Bytes,
    /// Small messages of several sizes are cut off here.
    mixed: BytesMut,
    kept: VecDeque<Bytes>,
}

impl Source {
    /// The messages of the `nth` sender.
    pub fn new(sizes: impl Into<Sizes>, nth: usize) -> Self {
        let sizes = sizes.into();
        Self {
            size: sizes.most(),
            sizes,
            number: (nth as u64) << SENDER,
            block_size: BLOCK,
            block: Bytes::new(),
            mixed: BytesMut::new(),
            kept: VecDeque::new(),
        }
    }

    /// One of so many senders in this process.
    #[must_use]
    pub fn among(mut self, senders: usize) -> Self {
        self.block_size = block(senders);
        self
    }

    /// The next message.
    #[inline]
    pub fn message(&mut self) -> Bytes {
        if self.size > SMALL {
            return self.by_size();
        }
        if self.block.is_empty() {
            self.refill();
        }
        self.block.split_to(self.size)
    }

    fn refill(&mut self) {
        let count = self.block_size / self.size;
        let mut block = BytesMut::zeroed(count * self.size);
        for message in block.chunks_exact_mut(self.size) {
            message[..8].copy_from_slice(&self.number.to_le_bytes());
            self.number += 1;
        }
        self.block = block.freeze();
    }

    fn by_size(&mut self) -> Bytes {
        let size = self.sizes.of(self.number);
        match size > SMALL {
            true => self.large(size),
            false => self.small(size),
        }
    }

    fn small(&mut self, size: usize) -> Bytes {
        if self.mixed.len() < size {
            self.mixed = BytesMut::zeroed(BLOCK);
        }
        let mut message = self.mixed.split_to(size);
        message[..8].copy_from_slice(&self.number.to_le_bytes());
        self.number += 1;
        message.freeze()
    }

    fn large(&mut self, size: usize) -> Bytes {
        let oldest = self.kept.pop_front().map(Bytes::try_into_mut);
        let mut memory = match oldest {
            Some(Ok(free)) => free,
            Some(Err(used)) => {
                self.kept.push_front(used);
                BytesMut::zeroed(self.size)
            }
            None => BytesMut::zeroed(self.size),
        };
        memory[..8].copy_from_slice(&self.number.to_le_bytes());
        self.number += 1;
        let memory = memory.freeze();
        let message = memory.slice(..size);
        if self.kept.len() < KEPT {
            self.kept.push_back(memory);
        }
        message
    }
}

/// What a message has in its first eight bytes.
#[inline]
pub(super) fn number_of(message: &[u8]) -> u64 {
    message.first_chunk().copied().map_or(0, u64::from_le_bytes)
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
        let mixed = Sizes::between(64, 64 << 10);
        let fixed = [64, 1000, 8 << 10].map(Sizes::from);
        for sizes in fixed.into_iter().chain([mixed]) {
            let mut source = Source::new(sizes.clone(), 3);
            let mut held = Vec::new();
            for expected in 0..3000 {
                let message = source.message();
                assert_eq!(message.len(), sizes.of(expected));
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

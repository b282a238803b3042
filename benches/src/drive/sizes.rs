//! The sizes of messages.

use std::sync::Arc;

/// How many sizes there are before they come again.
const PERIOD: usize = 4096;

/// Any number does, but both ends and all libraries must have the same.
const SEED: u64 = 20_190_612;

/// The size of each message, by its number.
#[derive(Debug, Clone)]
pub struct Sizes(Arc<[u32]>);

impl Sizes {
    /// Sizes from one to the other, each power of two as frequent as the next. One size, if the
    /// other is not above it. At least the eight bytes of the number.
    pub fn between(least: usize, most: usize) -> Self {
        let (least, most) = (least.max(8) as f64, most.max(least).max(8) as f64);
        let period = if most > least { PERIOD } else { 1 };
        let size = |nth: usize| {
            let share = scrambled(nth as u64) as f64 / u64::MAX as f64;
            (least * (most / least).powf(share)).round() as u32
        };
        Self((0..period).map(size).collect())
    }

    /// The size of a message.
    #[inline]
    pub fn of(&self, number: u64) -> usize {
        // The period is a power of two.
        self.0[number as usize & (self.0.len() - 1)] as usize
    }

    /// The size of the largest.
    pub fn most(&self) -> usize {
        self.0.iter().copied().max().unwrap_or(0) as usize
    }
}

impl From<usize> for Sizes {
    fn from(size: usize) -> Self {
        Self::between(size, size)
    }
}

/// A number that looks random, after splitmix64.
fn scrambled(number: u64) -> u64 {
    let mixed = (SEED + number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_power_of_two_is_as_frequent() {
        let sizes = Sizes::between(64, 64 << 10);
        let mut counts = [0; 10];
        for number in 0..PERIOD as u64 {
            let size = sizes.of(number);
            assert!((64..=64 << 10).contains(&size), "{size}");
            counts[(size.ilog2() as usize - 6).min(9)] += 1;
        }
        let expected = 330..=490;
        assert!(counts.iter().all(|it| expected.contains(it)), "{counts:?}");
        assert_eq!(sizes.of(7), sizes.of(7 + PERIOD as u64));
    }

    #[test]
    fn one_size_is_that_of_all() {
        let sizes = Sizes::from(3);
        assert_eq!((sizes.of(0), sizes.of(99), sizes.most()), (8, 8, 8));
    }
}

//! Ids of messages and requests, which reveal nothing to peers.

mod keyed;

use aiomsg_core::MessageId;

use keyed::Keyed;

/// Makes ids, and finds the place of a message in an id of its own, without a search.
///
/// An id holds a counter and the place. A peer that has received some ids must not learn from
/// them how many others there are, nor guess any. So the first half is the counter under a
/// keyed hash, and the second one the place under a mask that is a keyed hash of the first.
/// The keys are drawn once, and keep two sockets and two runs of a program apart.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    counted: Keyed,
    masked: Keyed,
    next: u64,
    /// The hash of `next`. It is made one id ahead: the processor then works on it and on the
    /// mask of the id at the same time.
    ahead: u64,
}

impl Names {
    pub(crate) fn new() -> Self {
        let counted = Keyed::random();
        Self {
            counted,
            masked: Keyed::random(),
            next: 0,
            ahead: counted.hash(0),
        }
    }

    /// The next id, for a message in this place.
    #[inline]
    pub(crate) fn next(&mut self, place: usize) -> MessageId {
        let first = self.ahead;
        self.next = self.next.wrapping_add(1);
        self.ahead = self.counted.hash(self.next);
        self.joined(first, place as u64)
    }

    /// The id with this number and this place.
    #[inline]
    pub(crate) fn id(&self, number: u64, place: u64) -> MessageId {
        self.joined(self.counted.hash(number), place)
    }

    #[inline]
    fn joined(&self, first: u64, place: u64) -> MessageId {
        let second = place ^ self.masked.hash(first);
        let mut id = [0; MessageId::LEN];
        id[..8].copy_from_slice(&first.to_be_bytes());
        id[8..].copy_from_slice(&second.to_be_bytes());
        MessageId::from_bytes(id)
    }

    /// The place in an id of ours, and an arbitrary number in another one.
    #[inline]
    pub(crate) fn place(&self, id: MessageId) -> u64 {
        let half = |at: usize| {
            let half = id.as_bytes()[at..].first_chunk().copied();
            u64::from_be_bytes(half.unwrap_or_default())
        };
        half(8) ^ self.masked.hash(half(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_found_by_the_maker_of_the_id() {
        let (mut ours, mut theirs) = (Names::new(), Names::new());
        for place in [0, 1, 77, u32::MAX.into()] {
            let id = ours.next(place as usize);
            assert_eq!(ours.place(id), place);
            assert_ne!(theirs.place(id), place);
            assert_ne!(theirs.next(place as usize), id);
        }
    }

    /// They were a counter and a place in the open, the same for all peers.
    #[test]
    fn ids_that_follow_each_other_have_nothing_in_common() {
        let mut names = Names::new();
        let ids = [(); 100].map(|()| names.next(0));
        for (n, a) in ids.iter().enumerate() {
            for b in &ids[n + 1..] {
                let differ = a.as_bytes().iter().zip(b.as_bytes());
                let bits: u32 = differ.map(|(a, b)| (a ^ b).count_ones()).sum();
                assert!(bits > 20, "{a} {b}");
            }
        }
    }
}

//! One peer's share of a common bound.

use aiomsg_core::Limits;

/// Whether a peer with `own` of the `used` part of a bound may have one item more: as long as
/// it has less than three times the free part.
///
/// So a single peer gets three quarters of the bound, several share it, and something is left
/// for a peer that has nothing yet. A bound of three items or less is too small to share.
pub(crate) fn admits(limits: &Limits, used: Limits, own: Limits) -> bool {
    let within = |limit: usize, used: usize, own: usize| {
        let free = limit.saturating_sub(used);
        free > 0 && own < free.saturating_mul(3)
    };
    within(limits.items, used.items, own.items) && within(limits.bytes, used.bytes, own.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(limits: Limits, used: Limits, weight: usize) -> usize {
        let (mut all, mut own) = (used, Limits { items: 0, bytes: 0 });
        while admits(&limits, all, own) {
            for it in [&mut all, &mut own] {
                it.items += 1;
                it.bytes += weight;
            }
        }
        own.items
    }

    #[test]
    fn one_peer_gets_three_quarters_and_the_next_one_of_what_is_left() {
        let limits = |items, bytes| Limits { items, bytes };
        let none = limits(0, 0);
        assert_eq!(fill(limits(1000, 1 << 20), none, 1), 750);
        assert_eq!(fill(limits(1000, 1 << 20), limits(750, 750), 1), 188);
        assert_eq!(fill(limits(1 << 20, 1000), none, 1), 750);
        assert_eq!(fill(limits(usize::MAX, 1000), none, 100), 8);
        for small in [0, 1, 2, 3] {
            assert_eq!(fill(limits(small, 1000), none, 1), small);
        }
        assert_eq!(fill(limits(4, 1000), none, 1), 3);
        // One message of any size passes.
        assert_eq!(fill(limits(10, 1), none, 1 << 30), 1);
        assert!(!admits(&limits(10, 10), limits(10, 3), none));
    }
}

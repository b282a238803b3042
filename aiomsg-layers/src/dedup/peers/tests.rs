use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

impl Peers {
    /// Both lists name each peer once, in its place, and the count is right.
    fn check(&self) {
        let links = |at: usize| (self.peers[at].time_links, self.peers[at].size_links);
        let mut by_time = HashSet::new();
        let mut next = self.by_time.first();
        while let Some(at) = next {
            assert!(by_time.insert(at));
            next = links(at).0.after();
        }
        let mut by_size = HashSet::new();
        for (class, list) in self.by_size.iter().enumerate() {
            let mut next = list.first();
            while let Some(at) = next {
                assert!(by_size.insert(at));
                assert_eq!(self.peers[at].handled.len().ilog2() as usize, class);
                next = links(at).1.after();
            }
        }
        let all: HashSet<usize> = self.peers.iter().map(|(at, _)| at).collect();
        assert_eq!(by_time, all);
        assert_eq!(by_size, all);
        assert_eq!(self.places.len(), all.len());
        let messages = self.peers.iter().map(|(_, peer)| peer.handled.len());
        assert_eq!(messages.sum::<usize>(), self.messages);
        assert!(self.messages <= self.bounds.of_all);
        assert!(self.peers.len() <= self.bounds.peers);
    }
}

proptest! {
    #[test]
    fn the_lists_and_the_count_agree_with_the_windows(
        bounds in (1..9_usize, 1..30_usize, 1..6_usize),
        steps in prop::collection::vec((0..9_u8, 0..3_u8), 1..200),
    ) {
        let (of_one, of_all, peers) = bounds;
        let mut handled = Peers::new(Bounds { of_one, of_all, peers });
        let mut now = Instant::now() + Duration::from_secs(60);
        for (id, (peer, passed)) in steps.into_iter().enumerate() {
            now += Duration::from_secs(passed.into());
            let then = now.checked_sub(Duration::from_secs(20));
            let from = Identity::new([peer]).expect("not empty");
            let id = MessageId::from_bytes((id as u128).to_be_bytes());
            prop_assert!(!handled.contains(&from, &id, then));
            handled.check();
            handled.insert(&from, id, now, then);
            handled.check();
            prop_assert!(handled.peers.iter().all(|(_, peer)| peer.handled.len() <= of_one));
        }
    }
}

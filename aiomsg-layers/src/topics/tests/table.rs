//! The table of subscriptions.

use std::collections::HashSet;

use super::*;

/// Against a simple model: a list that is searched from end to end.
#[test]
fn the_table_finds_what_a_search_through_all_finds() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let topics = Topics::with_limits(limits(1000, 12));
        let shared = topics.shared();
        // Few letters, so that many begin alike.
        let letters = rng.u8(1..4);
        let bytes = |rng: &mut fastrand::Rng, most: usize| -> Vec<u8> {
            (0..rng.usize(0..=most))
                .map(|_| rng.u8(0..=letters))
                .collect()
        };
        let mut naive: Vec<(usize, Vec<u8>)> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        for _ in 0..800 {
            match rng.usize(0..20) {
                0 if open.len() < 20 => {
                    let number = shared.open(name("peer"));
                    assert!(!open.contains(&number));
                    open.push(number);
                }
                1 if !open.is_empty() => {
                    let number = open.swap_remove(rng.usize(0..open.len()));
                    shared.close(number);
                    naive.retain(|(of, _)| *of != number);
                }
                2..=10 if !open.is_empty() => {
                    let number = open[rng.usize(0..open.len())];
                    let prefix = bytes(&mut rng, 12);
                    shared.subscribe(number, &prefix).unwrap();
                    let entry = (number, prefix);
                    if !naive.contains(&entry) {
                        naive.push(entry);
                    }
                }
                11..=15 if !open.is_empty() => {
                    let known = rng.bool() && !naive.is_empty();
                    let (number, prefix) = if known {
                        naive[rng.usize(0..naive.len())].clone()
                    } else {
                        (open[rng.usize(0..open.len())], bytes(&mut rng, 12))
                    };
                    shared.unsubscribe(number, &prefix);
                    naive.retain(|entry| *entry != (number, prefix.clone()));
                }
                _ => {}
            }
            let message = bytes(&mut rng, 20);
            let mut found = Vec::new();
            shared.lock().find(&message, &mut found);
            found.sort_unstable();
            let mut expected: Vec<_> = naive
                .iter()
                .filter(|(_, prefix)| message.starts_with(prefix))
                .map(|(number, _)| *number)
                .collect();
            expected.sort_unstable();
            assert_eq!(found, expected, "seed {seed}");
            let prefixes: HashSet<_> = naive.iter().map(|(_, prefix)| prefix).collect();
            assert!(shared.nodes() <= (2 * prefixes.len()).max(1), "seed {seed}");
        }
        for number in open {
            shared.close(number);
        }
        assert_eq!(shared.nodes(), 1, "seed {seed}");
    }
}

/// However deep the tree, the stack is not.
#[test]
fn prefixes_of_prefixes_may_be_deep() {
    const DEPTH: usize = 2_000;
    let deep = || {
        let topics = Topics::with_limits(limits(DEPTH, DEPTH));
        let shared = topics.shared();
        let number = shared.open(name("a"));
        let long = vec![b'x'; DEPTH];
        for len in 0..DEPTH {
            shared.subscribe(number, &long[..len]).unwrap();
        }
        let mut found = Vec::new();
        shared.lock().find(&long, &mut found);
        assert_eq!(found.len(), DEPTH);
    };
    let thread = std::thread::Builder::new().stack_size(64 << 10);
    thread.spawn(deep).unwrap().join().unwrap();
}

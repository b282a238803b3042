//! The store against a model, under operations drawn at random.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use aiomsg_core::Weight;
use aiomsg_spool::Embedded;
use aiomsg_spool::store::{Fate, Settled, Stats, Store, Usage};
use proptest::prelude::*;

use crate::common::{check_totals, entry, next, number, open, soon};

#[derive(Debug, Clone)]
enum Step {
    /// Appends so many messages of so many bytes.
    Append(u8, u16),
    Next(u8),
    /// Settles the message at this share of those that are given out.
    Settle(f64, Fate),
    Shed(u8),
    Reopen,
    /// Opened anew without a close, as after the end of the process.
    Drop,
}

#[derive(Debug, Default)]
struct Model {
    /// Bytes and tries of what waits, by its number, which is its order.
    waiting: BTreeMap<u64, (u64, u32)>,
    dead: Usage,
    out: Vec<u64>,
    again: VecDeque<u64>,
    /// The next one that was never given out.
    fresh: u64,
    numbers: u64,
}

impl Model {
    fn next(&mut self, most: usize) -> Vec<u64> {
        let mut given = Vec::new();
        while given.len() < most {
            let fresh = || self.waiting.range(self.fresh..).next().map(|it| *it.0);
            let Some(next) = self.again.pop_front().or_else(fresh) else {
                break;
            };
            self.fresh = self.fresh.max(next + 1);
            given.push(next);
        }
        self.out.extend(&given);
        given
    }

    fn settle(&mut self, at: usize, fate: &Fate) -> u64 {
        let number = self.out.remove(at);
        match fate {
            Fate::Done => _ = self.waiting.remove(&number),
            Fate::Dead(_) => {
                let (bytes, _) = self.waiting.remove(&number).unwrap();
                self.dead.messages += 1;
                self.dead.bytes += bytes;
            }
            Fate::Failed => {
                self.waiting.get_mut(&number).unwrap().1 += 1;
                self.again.push_back(number);
            }
            Fate::Returned => self.again.push_back(number),
        }
        number
    }

    fn shed(&mut self, most: u64) -> u64 {
        let mut dropped = 0;
        while self.waiting.len() as u64 + self.dead.messages > most {
            let Some((&oldest, _)) = self.waiting.range(self.fresh..).next() else {
                break;
            };
            self.waiting.remove(&oldest);
            dropped += 1;
        }
        dropped
    }

    fn reopen(&mut self) {
        self.out.clear();
        self.again.clear();
        self.fresh = 0;
    }

    fn waiting(&self) -> Usage {
        Usage {
            messages: self.waiting.len() as u64,
            bytes: self.waiting.values().map(|it| it.0).sum(),
        }
    }

    fn check(&self, stats: &Stats) {
        assert_eq!(stats.waiting, self.waiting());
        assert_eq!(stats.dead, self.dead);
        let given = self.out.len() + self.again.len();
        assert_eq!(stats.given_out, given as u64);
        let oldest = self.waiting.keys().next().map(|it| entry(*it, "").at);
        assert_eq!(stats.oldest, oldest);
    }
}

fn payload(number: u64, bytes: u16) -> Vec<u8> {
    let byte = number.to_le_bytes()[0];
    vec![byte; usize::from(bytes)]
}

/// What a message with so many bytes of payload counts.
fn weight(number: u64, bytes: u16) -> u64 {
    entry(number, payload(number, bytes)).weight() as u64
}

async fn run(folder: &Path, steps: Vec<Step>) {
    let mut model = Model::default();
    let mut store: Embedded = open(folder);
    let mut places = BTreeMap::new();
    for step in steps {
        match step {
            Step::Append(messages, bytes) => {
                let from = model.numbers;
                model.numbers += u64::from(messages);
                let new = from..model.numbers;
                let entries = new.clone().map(|it| entry(it, payload(it, bytes)));
                soon(store.append(entries.collect())).await.unwrap();
                let rows = new.map(|it| (it, (weight(it, bytes), 0)));
                model.waiting.extend(rows);
            }
            Step::Next(most) => {
                let most = usize::from(most).max(1);
                let expected = model.next(most);
                if expected.is_empty() {
                    continue;
                }
                // A store may give fewer than it has.
                let mut given = Vec::new();
                while given.len() < expected.len() {
                    given.extend(next(&store, expected.len() - given.len()).await);
                }
                assert!(given.iter().map(number).eq(expected));
                for stored in given {
                    let it = number(&stored);
                    let (bytes, tries) = model.waiting[&it];
                    let bytes = u16::try_from(bytes - weight(it, 0)).unwrap();
                    assert_eq!(stored.tries, tries);
                    assert_eq!(stored.entry, entry(it, payload(it, bytes)));
                    places.insert(it, stored.seq);
                }
            }
            Step::Settle(share, fate) => {
                if model.out.is_empty() {
                    continue;
                }
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let at = (share * model.out.len() as f64) as usize;
                let seq = places[&model.settle(at, &fate)];
                let usage = soon(store.settle(vec![Settled { seq, fate }]))
                    .await
                    .unwrap();
                let left = model.waiting();
                assert_eq!(usage.messages, left.messages + model.dead.messages);
                assert_eq!(usage.bytes, left.bytes + model.dead.bytes);
            }
            Step::Shed(most) => {
                let most = u64::from(most);
                let all = Usage {
                    messages: most,
                    bytes: u64::MAX,
                };
                let shed = soon(store.shed(all)).await.unwrap();
                assert_eq!(shed.dropped, model.shed(most));
            }
            Step::Reopen => {
                soon(store.close()).await.unwrap();
                check_totals(folder);
                store = open(folder);
                model.reopen();
            }
            Step::Drop => {
                drop(store);
                // The thread writes what it has, and gives the lock free.
                store = loop {
                    match Embedded::open(folder, aiomsg_spool::SyncPolicy::Os, None) {
                        Ok(store) => break store,
                        Err(aiomsg_spool::SpoolError::InUse { .. }) => {
                            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                        }
                        Err(error) => panic!("{error}"),
                    }
                };
                model.reopen();
            }
        }
        model.check(&soon(store.stats()).await.unwrap());
    }
    soon(store.close()).await.unwrap();
    check_totals(folder);
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Done),
        2 => Just(Fate::Failed),
        1 => Just(Fate::Returned),
        1 => Just(Fate::Dead("a reason".to_owned())),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..40_u8, 0..3000_u16).prop_map(|(messages, bytes)| Step::Append(messages, bytes)),
        4 => (0..30_u8).prop_map(Step::Next),
        8 => (0.0..1.0, fate()).prop_map(|(share, fate)| Step::Settle(share, fate)),
        1 => any::<u8>().prop_map(Step::Shed),
        1 => Just(Step::Reopen),
        1 => Just(Step::Drop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_count_is_that_of_the_model(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let folder = crate::common::folder();
        runtime.block_on(run(folder.path(), steps));
    }
}

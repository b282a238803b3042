//! Power cuts: what is in a store after one, at any moment of what a program did.

pub(crate) mod child;
mod disk;
mod trace;

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;

use aiomsg_spool::store::Store;

use crate::common::{check_totals, file, number, open, rest, soon};
use crate::shim::Place;
use child::message;
use disk::Disk;
use trace::{Event, Mark, Trace};

const FOLDER: &str = "of/the/store";
const LOG: &str = "spool.db-wal";

#[test]
fn always_loses_nothing_that_was_appended() {
    cut_often("always", 60, 1000);
}

#[test]
fn interval_loses_nothing_that_was_appended_before_a_sync() {
    let trace = cut_often("interval", 60, 250);
    // What was appended last was synced in time.
    let last = trace.events.len();
    let waited = position(&trace, last, |it| matches!(it, Event::Mark(Mark::Waited)));
    let appended = |it: &Event| matches!(it, Event::Mark(Mark::Appended(_)));
    let appended = position(&trace, waited, appended);
    let between = &trace.events[appended..waited];
    assert!(between.iter().any(|it| matches!(it, Event::Sync { .. })));
}

#[test]
fn os_is_whole_after_a_cut() {
    cut_often("os", 60, 250);
}

#[test]
fn always_loses_nothing_when_the_disk_is_full_at_times() {
    cut_often("full", 60, 300);
}

/// Beyond the length at which the log is written back into the file.
#[test]
fn always_loses_nothing_while_the_log_is_written_back() {
    let trace = cut_often("always", 700, 40);
    let mut disk = Disk::default();
    let (mut begun, mut begun_anew) = (false, 0);
    for event in &trace.events {
        disk.apply(event, &trace);
        match event {
            Event::Made { path, .. } if path.ends_with(LOG) => begun = false,
            Event::Write {
                node, offset: 0, ..
            } if disk.is(*node, LOG) => {
                begun_anew += u32::from(begun);
                begun = true;
            }
            _ => {}
        }
    }
    assert!(begun_anew > 0);
}

fn position(trace: &Trace, before: usize, is: impl Fn(&Event) -> bool) -> usize {
    trace.events[..before].iter().rposition(is).unwrap()
}

/// Runs a program, cuts its power at random moments, and looks at what is there.
fn cut_often(policy: &str, steps: u32, cuts: usize) -> Trace {
    let place = Place::new();
    place.run(&format!("power {policy} {steps}"));
    let trace = Trace::read(&place.trace(), &place.root());
    let begin = std::time::SystemTime::now();
    let done = thread::scope(|scope| {
        let workers = 4;
        let start = |worker| {
            let trace = &trace;
            scope.spawn(move || {
                let cuts = cuts.div_ceil(workers);
                cut_in_order(
                    trace,
                    matches!(policy, "always" | "full"),
                    worker as u64,
                    cuts,
                );
            })
        };
        let running: Vec<_> = (0..workers).map(start).collect();
        running.into_iter().all(|it| it.join().is_ok())
    });
    if !done {
        // No two runs are the same. This one is kept.
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{policy}-{steps}.trace"));
        std::fs::copy(place.trace(), &kept).unwrap();
        panic!("see above; the record is {}", kept.display());
    }
    let events = trace.events.len();
    println!(
        "{policy}: {cuts} cuts of {events} events in {:?}",
        begin.elapsed()
    );
    trace
}

fn cut_in_order(trace: &Trace, always: bool, seed: u64, cuts: usize) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut places: Vec<_> = (0..cuts)
        .map(|_| rng.usize(..=trace.events.len()))
        .collect();
    places.sort_unstable();
    let mut disk = Disk::default();
    let mut known = Known::default();
    let mut at = 0;
    for place in places {
        for event in &trace.events[at..place] {
            disk.apply(event, trace);
            known.apply(event, &disk, always);
        }
        at = place;
        let after = Place::new();
        std::fs::create_dir(after.root()).unwrap();
        disk.cut(&mut rng, trace, &after.root());
        let checked = std::panic::catch_unwind(|| known.check(&after.root().join(FOLDER)));
        assert!(checked.is_ok(), "seed {seed}, event {place}");
    }
}

/// What a store must hold after a cut.
#[derive(Default, Clone)]
struct Known {
    /// The messages that a program may have appended.
    begun: u64,
    /// Those that wait, by the number and whether a sync has made them safe.
    appended: BTreeMap<u64, bool>,
    /// Those that may be among the dead letters.
    dead: BTreeMap<u64, bool>,
}

impl Known {
    fn apply(&mut self, event: &Event, disk: &Disk, always: bool) {
        match event {
            Event::Mark(Mark::Append(range)) => self.begun = range.end,
            Event::Mark(Mark::Appended(range)) => {
                self.appended.extend(range.clone().map(|it| (it, always)));
            }
            Event::Mark(Mark::Done(number)) => {
                self.appended.remove(number);
                // Set aside before, and given out again: that was not written.
                self.dead.remove(number);
            }
            Event::Mark(Mark::Dead(number)) => {
                if let Some(safe) = self.appended.remove(number) {
                    self.dead.insert(*number, safe);
                }
            }
            Event::Sync { node } if disk.is(*node, LOG) => {
                let all = self.appended.values_mut().chain(self.dead.values_mut());
                all.for_each(|safe| *safe = true);
            }
            _ => {}
        }
    }

    fn check(&self, folder: &Path) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let store = open(folder);
        let waiting = runtime.block_on(async {
            let stats = soon(store.stats()).await.unwrap();
            let waiting = rest(&store).await;
            assert_eq!(stats.waiting.messages, waiting.len() as u64);
            soon(store.close()).await.unwrap();
            waiting
        });
        check_totals(folder);

        let mut numbers = Vec::new();
        for stored in &waiting {
            let it = number(stored);
            assert!(it < self.begun, "{it} was never appended");
            assert_eq!(stored.entry, message(it));
            numbers.push(it);
        }
        assert!(numbers.is_sorted());
        let dead = dead(folder);
        for (it, payload) in &dead {
            assert_eq!(*payload, message(*it).payload);
        }
        for (it, safe) in &self.appended {
            let is_there = numbers.binary_search(it).is_ok();
            assert!(is_there || !safe, "{it} is lost");
        }
        for (it, safe) in &self.dead {
            let is_there = numbers.binary_search(it).is_ok() || dead.contains_key(it);
            assert!(is_there || !safe, "{it} is lost");
        }
    }
}

/// The payloads of the dead letters, by their numbers.
fn dead(folder: &Path) -> BTreeMap<u64, Vec<u8>> {
    let file = file(folder);
    let mut rows = file.prepare("SELECT id, payload FROM dead").unwrap();
    let rows = rows.query_map([], |row| {
        let id: Vec<u8> = row.get(0)?;
        let number = u64::from_be_bytes(id[..8].try_into().unwrap());
        Ok((number, row.get(1)?))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

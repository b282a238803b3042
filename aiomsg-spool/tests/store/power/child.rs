//! The program whose machine loses its power.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::time::Duration;

use aiomsg_spool::store::{Entry, Fate, Store};
use aiomsg_spool::{Embedded, SpoolError, SyncPolicy};

use super::FOLDER;
use super::trace::Mark;
use crate::child::Shim;
use crate::common::{entry, number, settled, soon};

pub(crate) const INTERVAL: Duration = Duration::from_millis(5);

/// The message of this number, always the same.
pub(crate) fn message(number: u64) -> Entry {
    let mut rng = fastrand::Rng::with_seed(number);
    let size = match rng.u8(0..10) {
        0 => 0,
        1 => rng.usize(..30_000),
        _ => rng.usize(..3000),
    };
    let mut payload = vec![0; size];
    rng.fill(&mut payload);
    entry(number, payload)
}

struct Program<'a> {
    shim: &'a Shim,
    /// Whether its disk is full at times.
    fills: bool,
    marks: File,
    rng: fastrand::Rng,
    /// The number of the next message.
    next: u64,
    /// How many messages wait, and are not given out.
    waiting: u64,
}

/// Runs the program: a policy, and how many steps it takes between two openings.
pub(crate) async fn run(shim: &Shim, kind: &str) {
    let (policy, steps) = kind.split_once(' ').unwrap();
    let sync = match policy {
        "always" | "full" => SyncPolicy::Always,
        "interval" => SyncPolicy::Interval(INTERVAL),
        _ => SyncPolicy::Os,
    };
    let mut program = Program {
        shim,
        fills: policy == "full",
        marks: File::create(&shim.marks).unwrap(),
        rng: fastrand::Rng::with_seed(steps.len() as u64),
        next: 0,
        waiting: 0,
    };
    // A folder that is not there yet.
    let folder = shim.root.join(FOLDER);
    for _ in 0..4 {
        shim.heal();
        let store = reopen(&folder, sync).await;
        program.waiting = soon(store.stats()).await.unwrap().waiting.messages;
        for _ in 0..steps.parse::<usize>().unwrap() {
            program.step(&store).await;
        }
        if program.rng.bool() {
            // Without room, what was done comes again.
            let closed = soon(store.close()).await;
            assert!(closed.is_ok() || program.fills, "{closed:?}");
        }
    }
    shim.heal();
    let store = reopen(&folder, sync).await;
    program.append(&store).await;
    tokio::time::sleep(INTERVAL * 20).await;
    program.mark(&Mark::Waited);
    // A process that ends while it writes would leave a part of a record.
    soon(store.close()).await.unwrap();
}

/// Opens the store when it is free, as it is soon after it was dropped.
async fn reopen(folder: &std::path::Path, sync: SyncPolicy) -> Embedded {
    loop {
        match Embedded::open(folder, sync, None) {
            Err(SpoolError::InUse { .. }) => tokio::time::sleep(INTERVAL).await,
            opened => return opened.unwrap(),
        }
    }
}

impl Program<'_> {
    fn mark(&mut self, mark: &Mark) {
        self.marks.write_all(mark.line().as_bytes()).unwrap();
    }

    async fn step(&mut self, store: &Embedded) {
        if self.fills && self.rng.u8(0..4) == 0 {
            match self.rng.bool() {
                true => self.shim.heal(),
                false => self
                    .shim
                    .fill(&self.shim.root.join(FOLDER), self.rng.u64(..20_000)),
            }
        }
        match self.rng.u8(0..10) {
            0..5 => self.append(store).await,
            5 => tokio::time::sleep(INTERVAL / 2).await,
            _ if self.waiting > 0 => self.handle(store).await,
            _ => {}
        }
    }

    /// Appends messages of several callers at once.
    async fn append(&mut self, store: &Embedded) {
        let mut appends = Vec::new();
        for _ in 0..self.rng.u8(1..4) {
            let range: Range<u64> = self.next..self.next + self.rng.u64(1..5);
            self.next = range.end;
            self.mark(&Mark::Append(range.clone()));
            let append = store.append(range.clone().map(message).collect());
            appends.push((range, append));
        }
        for (range, append) in appends {
            match soon(append).await {
                Ok(_) => {
                    self.waiting += range.end - range.start;
                    self.mark(&Mark::Appended(range));
                }
                Err(error) => assert!(error.is_full() && self.fills, "{error:?}"),
            }
        }
    }

    async fn handle(&mut self, store: &Embedded) {
        let most = self.rng.usize(1..12);
        let stored = soon(store.next(most)).await.unwrap();
        self.waiting = self.waiting.saturating_sub(stored.len() as u64);
        for stored in stored {
            let it = number(&stored);
            let fate = match self.rng.u8(0..10) {
                0 => Fate::Failed,
                1 => {
                    self.mark(&Mark::Dead(it));
                    Fate::Dead("nobody wants it".to_owned())
                }
                _ => {
                    self.mark(&Mark::Done(it));
                    Fate::Done
                }
            };
            let again = u64::from(fate == Fate::Failed);
            soon(store.settle(settled(&stored, fate))).await.unwrap();
            // Without room, it is noted later.
            self.waiting += if self.fills { 0 } else { again };
        }
    }
}

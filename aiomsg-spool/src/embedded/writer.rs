//! The thread that writes a store: all that has come since the last commit is one commit.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;

use super::db::Db;
use super::given::Given;
use super::lock::Lock;
use crate::SpoolError;
use crate::settings::Sync;
use crate::store::{Entry, Fate, Settled, Shed, Stats, Stored, Usage};

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, SpoolError>>;

/// What a thread is asked for.
#[derive(Debug)]
pub(super) enum Command {
    Append(Vec<Entry>, Reply<Usage>),
    Settle(Vec<Settled>, Reply<Usage>),
    Next(usize, Reply<Vec<Stored>>),
    Shed(Usage, Reply<Shed>),
    Stats(Reply<Stats>),
    Close(Reply<()>),
}

/// The most commands of one commit.
const GROUP: usize = 1024;

/// The most payload that is read at once.
const READ_BYTES: usize = 4 << 20;

/// The most messages whose fate cannot be written. No more are given out then.
const UNSETTLED: usize = 65_536;

/// The time after which a commit that failed is tried again, and after which messages are
/// looked at for their age.
const TICK: Duration = Duration::from_secs(1);

/// The most messages that are set aside for their age at once.
const AGED: usize = 1024;

pub(super) struct Writer {
    db: Db,
    sync: Sync,
    max_age: Option<Duration>,
    given: Given,
    asks: VecDeque<(usize, Reply<Vec<Stored>>)>,
    /// The fates that are not written yet.
    unsettled: Vec<Settled>,
    /// When something was committed that may not have reached the disk.
    unsynced: Option<Instant>,
    /// Why the store can be used no more.
    broken: Option<SpoolError>,
    /// Released last.
    _lock: Lock,
}

impl Writer {
    pub(super) fn new(db: Db, sync: Sync, max_age: Option<Duration>, lock: Lock) -> Self {
        Self {
            given: Given::new(db.totals().waiting.messages > 0),
            db,
            sync,
            max_age,
            asks: VecDeque::new(),
            unsettled: Vec::new(),
            unsynced: None,
            broken: None,
            _lock: lock,
        }
    }

    /// Runs until it is told to close, or nobody can tell it any more.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        let closed = loop {
            let first = match self.wait() {
                None => commands.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(time) => commands.recv_timeout(time),
            };
            let mut group = Vec::new();
            match first {
                Ok(first) => group.push(first),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break None,
            }
            group.extend(commands.try_iter().take(GROUP - group.len()));
            if let Some(closed) = self.turn(group) {
                break Some(closed);
            }
        };
        let ended = self.end();
        drop(self);
        if let Some(closed) = closed {
            let _ = closed.send(ended);
        }
    }

    /// How long the thread may sleep.
    fn wait(&self) -> Option<Duration> {
        let sync = match (self.sync, self.unsynced) {
            (Sync::Interval(every), Some(since)) => Some(every.saturating_sub(since.elapsed())),
            _ => None,
        };
        let ticks = !self.unsettled.is_empty() || self.max_age.is_some();
        let tick = ticks.then_some(TICK);
        sync.into_iter().chain(tick).min()
    }

    /// Does what a group of commands asks for. Returns where to answer that it is closed.
    fn turn(&mut self, group: Vec<Command>) -> Option<Reply<()>> {
        let mut appends = Vec::new();
        let mut settles = Vec::new();
        let mut rest = Vec::new();
        let mut closed = None;
        for command in group {
            match command {
                Command::Append(entries, reply) => appends.push((entries, reply)),
                Command::Settle(settled, reply) => {
                    self.unsettled.extend(settled);
                    settles.push(reply);
                }
                Command::Next(most, reply) => self.asks.push_back((most, reply)),
                Command::Close(reply) => closed = Some(reply),
                other => rest.push(other),
            }
        }
        self.write(appends, settles);
        self.sync_if_due();
        for command in rest {
            match command {
                Command::Shed(most, reply) => drop(reply.send(self.shed(most))),
                Command::Stats(reply) => drop(reply.send(self.stats())),
                _ => {}
            }
        }
        self.expire();
        self.give_out();
        closed
    }

    // ===== writing =====

    fn write(&mut self, appends: Vec<(Vec<Entry>, Reply<Usage>)>, settles: Vec<Reply<Usage>>) {
        let entries: Vec<&Entry> = appends.iter().flat_map(|(entries, _)| entries).collect();
        let appended = match (&self.broken, entries.is_empty()) {
            (Some(error), _) => Err(error.clone()),
            (None, true) => Ok(Vec::new()),
            (None, false) => self.commit(self.sync == Sync::Always, &entries, true),
        };
        // Fates need less room than messages do, and must not fail with them.
        if !self.unsettled.is_empty() && self.broken.is_none() {
            let _ = self.commit(false, &[], true);
        }
        match appended {
            Ok(places) => {
                let mut places = places.into_iter();
                let usage = self.db.usage();
                for (entries, reply) in appends {
                    for (entry, place) in entries.into_iter().zip(&mut places) {
                        self.given.came(place, entry);
                    }
                    let _ = reply.send(Ok(usage));
                }
            }
            Err(error) => {
                for (_, reply) in appends {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
        let usage = self.db.usage();
        for reply in settles {
            let _ = reply.send(match &self.broken {
                Some(error) => Err(error.clone()),
                None => Ok(usage),
            });
        }
    }

    /// Commits messages and fates. Returns the places of the messages.
    fn commit(
        &mut self,
        sync: bool,
        entries: &[&Entry],
        fates: bool,
    ) -> Result<Vec<u64>, SpoolError> {
        let settled = match fates {
            true => std::mem::take(&mut self.unsettled),
            false => Vec::new(),
        };
        let given = &self.given;
        let done = self.db.commit(sync, |db| {
            let places = entries.iter().map(|it| db.append(it));
            let places = places.collect::<Result<Vec<_>, _>>()?;
            write_fates(db, given, &settled)?;
            Ok(places)
        });
        match done {
            Ok(places) => {
                for settled in &settled {
                    self.given.settle(settled);
                }
                match sync {
                    true => self.unsynced = None,
                    false => _ = self.unsynced.get_or_insert_with(Instant::now),
                }
                Ok(places)
            }
            Err(error) => {
                self.unsettled = settled;
                self.failed(&error);
                Err(error)
            }
        }
    }

    /// After an error other than a lack of room, nobody knows what the system has kept: the
    /// store must be opened anew.
    fn failed(&mut self, error: &SpoolError) {
        if !error.is_full() {
            tracing::error!(%error, "a store of messages can be used no more");
            self.broken = Some(error.clone());
        }
    }

    fn sync_if_due(&mut self) {
        if let (Sync::Interval(every), Some(since)) = (self.sync, self.unsynced)
            && since.elapsed() >= every
        {
            self.sync_now();
        }
    }

    fn sync_now(&mut self) {
        if self.broken.is_none() {
            // Without room on the disk, it is tried again.
            let _ = self.commit(true, &[], true);
        }
    }

    fn shed(&mut self, most: Usage) -> Result<Shed, SpoolError> {
        let behind = self.given.given_up_to();
        let shed = self.db.commit(false, |db| db.shed(behind, most));
        let (dropped, last) = shed.inspect_err(|error| self.failed(error))?;
        self.given.was_shed(last);
        Ok(Shed {
            dropped,
            left: self.db.usage(),
        })
    }

    fn stats(&self) -> Result<Stats, SpoolError> {
        let totals = self.db.totals();
        Ok(Stats {
            waiting: totals.waiting,
            dead: totals.dead,
            given_out: self.given.count() as u64,
            oldest: self.db.oldest()?,
            disk_bytes: self.db.disk_bytes(),
        })
    }

    fn end(&mut self) -> Result<(), SpoolError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        self.commit(true, &[], true)?;
        // What is not tidied now is tidied later.
        let _ = self.db.tidy();
        Ok(())
    }

    // ===== giving out =====

    fn give_out(&mut self) {
        while let Some((most, reply)) = self.asks.pop_front() {
            if reply.is_closed() {
                continue;
            }
            let taken = match self.take(most) {
                Ok(taken) if taken.is_empty() => {
                    self.asks.push_front((most, reply));
                    return;
                }
                taken => taken,
            };
            if let Ok(stored) = &taken {
                self.given.give(stored);
            }
            if let Err(Ok(untaken)) = reply.send(taken) {
                self.given.untaken(untaken);
            }
        }
    }

    fn take(&mut self, most: usize) -> Result<Vec<Stored>, SpoolError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        if self.unsettled.len() > UNSETTLED {
            return Ok(Vec::new());
        }
        while self.given.is_empty()
            && let Some(behind) = self.given.unread()
        {
            self.read(behind, most.max(1))?;
        }
        let now = SystemTime::now();
        let (mut taken, mut aged) = (Vec::new(), Vec::new());
        while taken.len() < most {
            let Some(stored) = self.given.pop() else {
                break;
            };
            match self.is_aged(&stored, now) {
                true => aged.push(stored.seq),
                false => taken.push(stored),
            }
        }
        self.set_aside(&aged, AGE)?;
        Ok(taken)
    }

    fn read(&mut self, behind: u64, most: usize) -> Result<(), SpoolError> {
        let read = self.db.read(behind, most, READ_BYTES)?;
        let all = read.is_empty();
        let mut last = behind;
        let (mut good, mut damaged) = (Vec::new(), Vec::new());
        for stored in read {
            match stored {
                Ok(stored) => {
                    last = stored.seq;
                    good.push(stored);
                }
                Err(row) => {
                    last = row.seq;
                    damaged.push(row.seq);
                }
            }
        }
        if !damaged.is_empty() {
            tracing::error!(messages = ?damaged, "{DAMAGE}");
            self.set_aside(&damaged, DAMAGE)?;
        }
        self.given.was_read(good, last, all);
        Ok(())
    }

    // ===== age =====

    fn is_aged(&self, stored: &Stored, now: SystemTime) -> bool {
        let age = now.duration_since(stored.entry.at);
        self.max_age
            .is_some_and(|most| age.is_ok_and(|age| age > most))
    }

    /// Sets messages aside that nobody takes.
    fn expire(&mut self) {
        let Some(most) = self.max_age else { return };
        let Some(behind) = self.given.unread() else {
            return;
        };
        let Some(time) = SystemTime::now().checked_sub(most) else {
            return;
        };
        let aged = match self.db.older_than(behind, time, AGED) {
            Ok(aged) => aged,
            Err(error) => return self.failed(&error),
        };
        let _ = self.set_aside(&aged, AGE);
    }

    fn set_aside(&mut self, places: &[u64], reason: &str) -> Result<(), SpoolError> {
        if places.is_empty() {
            return Ok(());
        }
        let done = self.db.commit(false, |db| {
            places.iter().try_for_each(|&it| db.set_aside(it, reason))
        });
        done.inspect_err(|error| self.failed(error))
    }
}

const AGE: &str = "it waited longer than a message may";
const DAMAGE: &str = "its bytes are not those that were stored";

/// Writes what became of messages. Neighbours that are done are deleted at once.
fn write_fates(db: &mut Db, given: &Given, settled: &[Settled]) -> rusqlite::Result<()> {
    let mut done = Vec::with_capacity(settled.len());
    for settled in settled {
        let Some(stored) = given.get(settled.seq) else {
            continue;
        };
        match &settled.fate {
            Fate::Done => done.push((settled.seq, stored.entry.payload.len() as u64)),
            Fate::Failed => db.count_try(settled.seq)?,
            Fate::Returned => {}
            Fate::Dead(reason) => db.set_aside(settled.seq, reason)?,
        }
    }
    done.sort_unstable();
    done.dedup();
    for run in done.chunk_by(|(one, _), (next, _)| one + 1 == *next) {
        if let (Some((first, _)), Some((last, _))) = (run.first(), run.last()) {
            db.delete(*first, *last, run.iter().map(|(_, bytes)| bytes).sum())?;
        }
    }
    Ok(())
}

//! The thread that writes a store: all that has come since the last commit is one commit.

mod commit;
mod give;
mod patience;

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::db::Db;
use super::given::Given;
use super::lock::Lock;
use crate::SpoolError;
use crate::settings::SyncPolicy;
use crate::store::{Entry, Settled, Shed, Stats, Stored, Usage};
use commit::Fates;
use patience::Patience;

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, SpoolError>>;

/// What a thread is asked for.
#[derive(Debug)]
pub(super) enum Command {
    Append(Vec<Entry>, Reply<Usage>),
    Settle(Vec<Settled>, Reply<Usage>),
    Next(usize, Reply<Vec<Stored>>),
    /// Messages that were given out to somebody who no longer waited.
    Untaken(Vec<Stored>),
    Shed(Usage, Reply<Shed>),
    Stats(Reply<Stats>),
    Close(Reply<()>),
}

/// The most commands of one commit.
const GROUP: usize = 1024;

/// The time after which a commit that failed is tried again, and after which messages are
/// looked at for their age.
const TICK: Duration = Duration::from_secs(1);

/// How long free room is given back when the store is closed.
const TIDYING: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    db: Db,
    sync: SyncPolicy,
    max_age: Option<Duration>,
    given: Given,
    asks: VecDeque<(usize, Reply<Vec<Stored>>)>,
    /// The fates that are not written yet.
    fates: Fates,
    /// When what was committed is to reach the disk, and has not.
    sync_at: Option<Instant>,
    /// When fates that could not be written are tried again.
    retry_at: Option<Instant>,
    /// When messages are looked at for their age.
    expire_at: Instant,
    patience: Patience,
    /// Whether there is more to read for those that ask.
    reads_on: bool,
    /// As in [`Stats`].
    damaged_messages: u64,
    unreadable_places: u64,
    /// Why the store can be used no more.
    broken: Option<SpoolError>,
    /// Released last.
    _lock: Lock,
}

impl Writer {
    pub(super) fn new(db: Db, sync: SyncPolicy, max_age: Option<Duration>, lock: Lock) -> Self {
        Self {
            given: Given::new(db.totals().waiting.messages > 0),
            db,
            sync,
            max_age,
            asks: VecDeque::new(),
            fates: Fates::default(),
            sync_at: None,
            retry_at: None,
            expire_at: Instant::now(),
            patience: Patience::default(),
            reads_on: false,
            damaged_messages: 0,
            unreadable_places: 0,
            broken: None,
            _lock: lock,
        }
    }

    /// Runs until it is told to close, or nobody can tell it any more.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        let closed = loop {
            let soon = self.patience.wait(commands);
            let first = match (soon, self.wait()) {
                (Some(first), _) => Ok(first),
                (None, None) => commands.recv().map_err(|_| RecvTimeoutError::Disconnected),
                (None, Some(time)) => commands.recv_timeout(time),
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
        if self.reads_on {
            return Some(Duration::ZERO);
        }
        if self.broken.is_some() {
            return None;
        }
        let retry = self.retry_at.filter(|_| !self.fates.is_empty());
        let expire = self.max_age.map(|_| self.expire_at);
        let next = self.sync_at.into_iter().chain(retry).chain(expire).min()?;
        Some(next.saturating_duration_since(Instant::now()))
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
                    self.fates.settled.extend(settled);
                    settles.push(reply);
                }
                Command::Next(most, reply) => self.asks.push_back((most.max(1), reply)),
                Command::Untaken(stored) => self.given.untaken(stored),
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
        self.expire_if_due();
        self.give_out();
        self.write_back_if_long();
        closed
    }

    fn stats(&self) -> Result<Stats, SpoolError> {
        self.usable()?;
        let totals = self.db.totals();
        Ok(Stats {
            waiting: totals.waiting,
            dead: totals.dead,
            given_out: self.given.count() as u64,
            oldest: self.db.oldest()?,
            disk_bytes: self.db.disk_bytes(),
            damaged_messages: self.damaged_messages,
            unreadable_places: self.unreadable_places,
        })
    }

    fn usable(&self) -> Result<(), SpoolError> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    /// After an error other than a lack of room, nobody knows what the system has kept: the
    /// store must be opened anew.
    fn failed(&mut self, error: &SpoolError) {
        if !error.is_full() && self.broken.is_none() {
            tracing::error!(%error, "a store of messages can be used no more");
            self.broken = Some(error.clone());
            self.db.leave_log();
        }
    }

    fn end(&mut self) -> Result<(), SpoolError> {
        self.commit(true, &[])?;
        // What is not tidied now is tidied later.
        let _ = self.db.tidy(Some(TIDYING));
        Ok(())
    }
}

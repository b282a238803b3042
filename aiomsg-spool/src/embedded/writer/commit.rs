//! Writing.

use aiomsg_core::Weight;
use tokio::time::Instant;

use super::{Reply, TICK, Writer};
use crate::SpoolError;
use crate::embedded::db::Db;
use crate::embedded::given::Given;
use crate::settings::SyncPolicy;
use crate::store::{Entry, Fate, Settled, Shed, Usage};

/// What became of messages, and is not written yet.
#[derive(Debug, Default)]
pub(super) struct Fates {
    /// Of messages that were given out.
    pub(super) settled: Vec<Settled>,
    /// Of messages that are never given out: they are set aside, for this reason.
    pub(super) aside: Vec<(u64, &'static str)>,
}

impl Fates {
    pub(super) fn is_empty(&self) -> bool {
        self.settled.is_empty() && self.aside.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.settled.len() + self.aside.len()
    }
}

impl Writer {
    pub(super) fn write(
        &mut self,
        appends: Vec<(Vec<Entry>, Reply<Usage>)>,
        settles: Vec<Reply<Usage>>,
    ) {
        let entries: Vec<&Entry> = appends.iter().flat_map(|(entries, _)| entries).collect();
        let retries = self.retries();
        let appended = match (self.usable(), entries.is_empty()) {
            (Err(error), _) => Err(error),
            (Ok(()), true) => Ok(0),
            (Ok(()), false) => self.commit(self.sync == SyncPolicy::Always, &entries),
        };
        // Fates need less room than messages do, and must not fail with them.
        if retries {
            self.write_fates();
        }
        match appended {
            Ok(first) => {
                if self.sync == SyncPolicy::Always && entries.len() > 1 {
                    self.patience.answered();
                }
                let mut places = first..;
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
        for reply in settles {
            let _ = reply.send(self.usable().map(|()| self.db.usage()));
        }
    }

    /// Whether it is time for a commit that may fail as the last one did.
    fn retries(&self) -> bool {
        self.retry_at.is_none_or(|at| at <= Instant::now())
    }

    pub(super) fn write_fates(&mut self) {
        if !self.fates.is_empty() && self.broken.is_none() {
            // Without room on the disk, it is tried again.
            let _ = self.commit(false, &[]);
        }
    }

    /// Commits messages, and the fates. Returns the place of the first message.
    pub(super) fn commit(&mut self, sync: bool, entries: &[&Entry]) -> Result<u64, SpoolError> {
        self.usable()?;
        let mut done = self.try_commit(sync, entries);
        if done.as_ref().is_err_and(SpoolError::is_full) && self.makes_room() {
            done = self.try_commit(sync, entries);
        }
        match &done {
            Ok(_) => {
                for settled in std::mem::take(&mut self.fates).settled {
                    self.given.settle(&settled);
                }
                self.retry_at = None;
                self.committed(sync);
            }
            Err(error) => {
                self.retry_at = Some(Instant::now() + TICK);
                self.failed(error);
            }
        }
        done
    }

    fn try_commit(&mut self, sync: bool, entries: &[&Entry]) -> Result<u64, SpoolError> {
        let (given, fates) = (&self.given, &self.fates);
        self.db.commit(sync, |db| {
            let first = db.append(entries)?;
            let mut aside = fates.aside.iter();
            aside.try_for_each(|(seq, reason)| db.set_aside(*seq, reason))?;
            write_settled(db, given, &fates.settled)?;
            Ok(first)
        })
    }

    /// Writes the log back, so that the next commit can write over it. Not each time: that
    /// takes long, and seldom helps.
    fn makes_room(&mut self) -> bool {
        self.retries() && self.write_back(Db::write_back)
    }

    pub(super) fn write_back_if_long(&mut self) {
        if self.broken.is_none() {
            self.write_back(Db::write_back_if_long);
        }
    }

    fn write_back(&mut self, write: impl FnOnce(&Db) -> Result<(), SpoolError>) -> bool {
        let written = write(&self.db);
        written.inspect_err(|error| self.failed(error)).is_ok()
    }

    /// Notes that what was committed has reached the disk, or when it shall.
    fn committed(&mut self, sync: bool) {
        match (self.sync, sync) {
            (_, true) => self.sync_at = None,
            (SyncPolicy::Interval(every), false) if self.sync_at.is_none() => {
                self.sync_at = Instant::now().checked_add(every);
            }
            _ => {}
        }
    }

    pub(super) fn sync_if_due(&mut self) {
        let due = self.sync_at.is_some_and(|at| at <= Instant::now());
        if due && self.broken.is_none() && self.commit(true, &[]).is_err() {
            self.sync_at = Some(Instant::now() + TICK);
        }
    }

    pub(super) fn shed(&mut self, most: Usage) -> Result<Shed, SpoolError> {
        self.usable()?;
        let behind = self.given.given_up_to();
        let shed = self.db.commit(false, |db| db.shed(behind, most));
        let (dropped, last) = shed.inspect_err(|error| self.failed(error))?;
        self.given.was_shed(last);
        self.committed(false);
        Ok(Shed {
            dropped,
            left: self.db.usage(),
        })
    }
}

/// Writes what became of messages. Neighbours that are done are deleted at once.
fn write_settled(db: &mut Db, given: &Given, settled: &[Settled]) -> rusqlite::Result<()> {
    let mut done = Vec::with_capacity(settled.len());
    for settled in settled {
        let Some(stored) = given.get(settled.seq) else {
            continue;
        };
        match &settled.fate {
            Fate::Done => done.push((settled.seq, stored.entry.weight() as u64)),
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

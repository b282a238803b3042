//! A store in a folder of this machine, by SQLite.

mod asking;
mod db;
mod folder;
mod given;
pub mod inspect;
mod lock;
mod row;
mod schema;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::SpoolError;
use crate::settings::SyncPolicy;
use crate::store::{Answer, Entry, Settled, Shed, Stats, Store, Stored, Usage};
use asking::Asking;
use db::Db;
use lock::Lock;
use writer::{Command, Reply, Writer};

pub(crate) use schema::FILE;

/// A store in a folder. One process at a time writes it, on a thread of its own; others may
/// read it meanwhile.
///
/// # Faults of the disk
///
/// A store on a full disk refuses messages ([`SpoolError::DiskFull`]) and keeps what it has.
/// It goes on when there is room: what was settled meanwhile is written then, a second later
/// at most.
///
/// After any other error in writing, the system does not say what it has kept. The store
/// answers everything with that error until it is opened anew. A message that was refused
/// with it may be in the store all the same.
///
/// A message whose checksum is wrong is set aside with its reason. Messages on a damaged page
/// of the file are left out and named in the log at ERROR, stay in the file, and are still
/// counted as waiting; the others come. A damaged page of headers does the same to the
/// messages whose places it covers, also to those without headers. Damage that a write meets,
/// or the opening, is [`SpoolError::Damaged`].
#[derive(Debug)]
pub struct Embedded {
    folder: PathBuf,
    commands: Arc<Sender<Command>>,
}

impl Embedded {
    /// Opens the store in a folder, and makes both if they are not there. Messages older than
    /// `max_age` are set aside.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made or written, when another process has the store open,
    /// and when the file is damaged, from a later version, or no store.
    pub fn open(
        folder: impl AsRef<Path>,
        sync: SyncPolicy,
        max_age: Option<Duration>,
    ) -> Result<Self, SpoolError> {
        let folder = folder.as_ref();
        let failed = |error| SpoolError::from_io(folder, error);
        folder::create(folder).map_err(failed)?;
        let lock = Lock::take(folder)?;
        let db = Db::open(folder)?;
        let writer = Writer::new(db, sync, max_age, lock);
        let (commands, received) = channel();
        thread::Builder::new()
            .name("aiomsg-spool".to_owned())
            .spawn(move || writer.run(&received))
            .map_err(failed)?;
        Ok(Self {
            folder: folder.to_owned(),
            commands: Arc::new(commands),
        })
    }

    /// The folder of the store.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn ask<T: Send + 'static>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Answer<T> {
        let (reply, answer) = oneshot::channel();
        // A thread that has ended drops the reply.
        let _ = self.commands.send(command(reply));
        Box::pin(async move { answer.await.unwrap_or(Err(SpoolError::Closed)) })
    }
}

impl Store for Embedded {
    fn append(&self, entries: Vec<Entry>) -> Answer<Usage> {
        self.ask(|reply| Command::Append(entries, reply))
    }

    fn next(&self, most: usize) -> Answer<Vec<Stored>> {
        let (reply, answer) = oneshot::channel();
        let _ = self.commands.send(Command::Next(most, reply));
        Box::pin(Asking::new(answer, Arc::downgrade(&self.commands)))
    }

    fn settle(&self, settled: Vec<Settled>) -> Answer<Usage> {
        self.ask(|reply| Command::Settle(settled, reply))
    }

    fn shed(&self, most: Usage) -> Answer<Shed> {
        self.ask(|reply| Command::Shed(most, reply))
    }

    fn stats(&self) -> Answer<Stats> {
        self.ask(Command::Stats)
    }

    fn close(&self) -> Answer<()> {
        self.ask(Command::Close)
    }
}

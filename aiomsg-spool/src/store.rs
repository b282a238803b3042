//! The interface between a spool and the place where its messages are.

use std::fmt;
use std::pin::Pin;
use std::time::SystemTime;

use aiomsg_core::{HeaderLimits, Headers, Identity, MessageId, Outbound, Weight};
use bytes::Bytes;

use crate::SpoolError;

/// The limits of headers that are stored. Those of their socket are narrower.
pub(crate) const HEADERS: HeaderLimits = HeaderLimits {
    count: HeaderLimits::MAX_BYTES,
    bytes: HeaderLimits::MAX_BYTES,
};

/// Refuses a message whose headers cannot be stored.
pub(crate) fn bad_headers(message: &Outbound) -> Result<(), SpoolError> {
    let bad = message.bad_headers(HEADERS);
    bad.map_or(Ok(()), |reason| Err(SpoolError::Headers { reason }))
}

/// What a [`Store`] answers.
pub type Answer<T> = Pin<Box<dyn Future<Output = Result<T, SpoolError>> + Send>>;

/// A place where messages outlive the process.
///
/// A spool calls [`append`](Store::append) once for many messages, so a store commits a
/// group at the cost of one message. It gives messages out in the order in which they came,
/// each one once, until [`settle`](Store::settle) says what became of it. What was given
/// out and not settled is given out again when the store is opened the next time, under the
/// same id.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Stores these messages. Ready when they are as durable as the store was told to make
    /// them. All are stored, or none: none after an error that says that the store is full,
    /// and nobody knows which after another one.
    fn append(&self, entries: Vec<Entry>) -> Answer<Usage>;

    /// Gives out the oldest messages that are not given out, `most` at most. Waits until
    /// there is one.
    fn next(&self, most: usize) -> Answer<Vec<Stored>>;

    /// Notes what became of messages that were given out. That is durable later: a message
    /// that was [`Fate::Done`] may be given out once more after a crash.
    fn settle(&self, settled: Vec<Settled>) -> Answer<Usage>;

    /// Drops the oldest messages that are not given out: as many as it takes for the store
    /// to hold no more than this.
    fn shed(&self, most: Usage) -> Answer<Shed>;

    /// Counts what is stored.
    fn stats(&self) -> Answer<Stats>;

    /// Makes everything durable, and gives the store free for another process.
    fn close(&self) -> Answer<()>;
}

/// A message to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The id under which it is sent, each time.
    pub id: MessageId,
    /// The peer: the one to which it is addressed or, in an inbox, the one from which it came.
    pub peer: Option<Identity>,
    /// The headers.
    pub headers: Headers,
    /// The payload.
    pub payload: Bytes,
    /// When it came.
    pub at: SystemTime,
}

/// The length of the payload and of the headers: what [`Usage`] counts.
impl Weight for Entry {
    fn weight(&self) -> usize {
        self.payload.len() + self.headers.as_bytes().len()
    }
}

/// A message that a store has given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its place among all messages of the store.
    pub seq: u64,
    /// How often it was tried before, and failed.
    pub tries: u32,
    /// The message.
    pub entry: Entry,
}

/// What became of a message that was given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Its place.
    pub seq: u64,
    /// What became of it.
    pub fate: Fate,
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is acknowledged, and deleted.
    Done,
    /// It failed, and is given out again. The try counts.
    Failed,
    /// It is given out again, and the try does not count.
    Returned,
    /// It is set aside, for this reason.
    Dead(String),
}

/// How much a store holds, dead letters included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// In messages.
    pub messages: u64,
    /// In bytes of payloads and headers.
    pub bytes: u64,
}

/// What was dropped, by the overflow rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shed {
    /// How many messages were dropped.
    pub dropped: u64,
    /// What is left.
    pub left: Usage,
}

/// The state of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// The messages that wait, or are given out.
    pub waiting: Usage,
    /// The messages that were set aside.
    pub dead: Usage,
    /// How many of those that wait are given out.
    pub given_out: u64,
    /// When the oldest message that waits came.
    pub oldest: Option<SystemTime>,
    /// The bytes on disk.
    pub disk_bytes: u64,
    /// How many messages were set aside since the store was opened because their bytes are not
    /// those that were stored.
    pub damaged_messages: u64,
    /// How many places were left out since the store was opened because their page of the file
    /// cannot be read. Each had a message once, which may have been settled before. Those that
    /// were not settled are still counted as waiting.
    pub unreadable_places: u64,
}

impl Stats {
    /// All that is stored.
    pub fn usage(&self) -> Usage {
        self.waiting + self.dead
    }
}

impl std::ops::Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            messages: self.messages + other.messages,
            bytes: self.bytes + other.bytes,
        }
    }
}

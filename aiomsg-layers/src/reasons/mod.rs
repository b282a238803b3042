//! A bounded record of failures, and how often each of them is logged.
//!
//! Failures come in floods: a dial that is refused is tried again and again, and a full queue
//! drops thousands of messages. A log line for each would hide everything else, and no line
//! would hide the reason. So the first failure of a kind is logged at once, and then at most
//! one line a minute says how many more there were.

mod entry;

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use aiomsg_core::sync::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use entry::Entry;

/// Failures by kind: the last one of each, how many there were, and which of them to log.
///
/// `K` is the kind of a failure, perhaps with its place, and `V` describes one failure. The
/// number of kinds is bounded. Failures of kinds that are new when there is no room share one
/// entry, and with it one line a minute.
///
/// `V` is dropped while the record is locked, so it must not run a user's code.
///
/// ```
/// use aiomsg_layers::reasons::Reasons;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let reasons = Reasons::new(100);
/// assert!(reasons.note("dial", "refused", true).is_some(), "the first one is logged");
/// assert!(reasons.note("dial", "refused", true).is_none(), "the next ones are counted");
/// assert_eq!(reasons.recent()[0].count, 2);
/// # }
/// ```
pub struct Reasons<K, V>(Arc<Shared<K, V>>);

struct Shared<K, V> {
    most: usize,
    table: Mutex<Table<K, V>>,
    /// Signalled when an unlogged failure has to be logged later.
    counted: Notify,
}

struct Table<K, V> {
    entries: HashMap<K, Entry<K, V>>,
    /// The failures without room for their kind.
    others: Option<Entry<K, V>>,
}

/// Failures to log in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line<K, V> {
    /// The kind.
    pub kind: K,
    /// The last failure.
    pub last: V,
    /// The number of failures since the line before, with the last one, or 0 if the last one
    /// is the first.
    pub more: u64,
    /// Whether the last one is pressing: see [`Reasons::note`].
    pub pressing: bool,
}

/// The failures of one kind.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recent<K, V> {
    /// The kind.
    pub kind: K,
    /// The last failure.
    pub last: V,
    /// The number of failures so far.
    pub count: u64,
    /// The time of the last one.
    pub at: Instant,
}

impl<K, V> Reasons<K, V> {
    /// The time between two lines about the same kind of failure.
    pub const QUIET: Duration = Duration::from_secs(60);

    fn lock(&self) -> MutexGuard<'_, Table<K, V>> {
        self.0.table.lock()
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Reasons<K, V> {
    /// Records up to `most` kinds of failures, and at least one.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Shared {
            most: most.max(1),
            table: Mutex::new(Table {
                entries: HashMap::new(),
                others: None,
            }),
            counted: Notify::new(),
        }))
    }

    /// Counts a failure. Returns the line to log for it now, or `None` if it is only counted:
    /// [`due`](Self::due) returns the line later.
    ///
    /// A pressing failure is logged at once if the last line about its kind was about one that
    /// was not.
    pub fn note(&self, kind: K, failure: V, pressing: bool) -> Option<Line<K, V>> {
        let now = Instant::now();
        let mut table = self.lock();
        let entry = table.entry(&kind, self.0.most, now);
        let (line, counted) = match entry {
            Some(entry) => entry.note(kind, failure, pressing, now),
            None => {
                let entry = Entry::new(kind.clone(), failure, pressing, now);
                let line = entry.first_line();
                table.insert(kind, entry, self.0.most);
                (Some(line), false)
            }
        };
        drop(table);
        if counted {
            self.0.counted.notify_one();
        }
        line
    }

    /// Waits until a minute is over in which failures were only counted, and returns the lines
    /// to log for them.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future loses no line. Only one task at a time may wait.
    pub async fn due(&self) -> Vec<Line<K, V>> {
        loop {
            let (lines, next) = self.lock().take_due(Instant::now());
            if !lines.is_empty() {
                return lines;
            }
            let counted = self.0.counted.notified();
            match next {
                None => counted.await,
                Some(at) => tokio::select! {
                    () = sleep_until(at) => {}
                    () = counted => {}
                },
            }
        }
    }

    /// Gives `log` the lines of [`due`](Self::due), each minute, for as long as it is polled.
    ///
    /// # Cancel safety
    ///
    /// As for [`due`](Self::due).
    pub async fn each_due(&self, log: impl Fn(&Line<K, V>)) -> Infallible {
        loop {
            self.due().await.iter().for_each(&log);
        }
    }

    /// Returns the lines to log for all failures that were only counted, without waiting.
    pub fn rest(&self) -> Vec<Line<K, V>> {
        let now = Instant::now();
        let mut table = self.lock();
        let entries = table.all_mut();
        entries.filter_map(|entry| entry.take_line(now)).collect()
    }

    /// Returns the recorded failures, the latest first.
    pub fn recent(&self) -> Vec<Recent<K, V>> {
        let mut table = self.lock();
        let mut recent: Vec<_> = table.all_mut().map(|entry| entry.recent()).collect();
        drop(table);
        recent.sort_by_key(|it| std::cmp::Reverse(it.at));
        recent
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Table<K, V> {
    fn all_mut(&mut self) -> impl Iterator<Item = &mut Entry<K, V>> {
        self.entries.values_mut().chain(&mut self.others)
    }

    /// The entry that counts this kind, if there is one. Without room for a new one, the
    /// quietest is removed, if its minute is over.
    fn entry(&mut self, kind: &K, most: usize, now: Instant) -> Option<&mut Entry<K, V>> {
        if !self.entries.contains_key(kind) {
            if self.entries.len() < most {
                return None;
            }
            let quiet = self.entries.iter().filter(|(_, it)| it.is_quiet(now));
            let oldest = quiet.min_by_key(|(_, it)| it.at()).map(|(kind, _)| kind);
            let Some(oldest) = oldest.cloned() else {
                return self.others.as_mut();
            };
            self.entries.remove(&oldest);
            return None;
        }
        self.entries.get_mut(kind)
    }

    fn insert(&mut self, kind: K, entry: Entry<K, V>, most: usize) {
        if self.entries.len() < most {
            self.entries.insert(kind, entry);
        } else {
            self.others = Some(entry);
        }
    }

    /// The lines that are due, and otherwise when the next one is.
    fn take_due(&mut self, now: Instant) -> (Vec<Line<K, V>>, Option<Instant>) {
        let (mut lines, mut next) = (Vec::new(), None::<Instant>);
        for entry in self.all_mut() {
            match entry.due_at() {
                Some(at) if at <= now => lines.extend(entry.take_line(now)),
                Some(at) => next = Some(next.map_or(at, |next| next.min(at))),
                None => {}
            }
        }
        (lines, next)
    }
}

impl<K, V> Clone for Reasons<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> fmt::Debug for Reasons<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reasons")
            .field("most", &self.0.most)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! The handshakes under way.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use aiomsg_core::sync::{Mutex, MutexGuard};
use aiomsg_core::{Error, ErrorKind};
use aiomsg_transport::RemoteAddr;
use tokio::sync::oneshot;

/// The handshakes of one bound endpoint, in order of their beginning.
///
/// When there are too many, one of the address with the most is ended. So a flood from one
/// address costs only its own places, and so do silent connections. A good peer needs its
/// place only for a moment.
#[derive(Debug)]
pub(super) struct PendingHandshakes {
    table: Arc<Mutex<Table>>,
    next: u64,
    max: usize,
    max_of_one: usize,
}

/// As large as there are handshakes, and no larger.
#[derive(Debug, Default)]
struct Table {
    all: BTreeMap<u64, Place>,
    /// The same, by origin.
    by_origin: HashMap<Origin, BTreeSet<u64>>,
    /// The number of each origin, and its oldest: the last one here is ended first.
    ranks: BTreeSet<(usize, Reverse<u64>)>,
}

#[derive(Debug)]
struct Place {
    origin: Origin,
    end: oneshot::Sender<Excess>,
}

/// The origin of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Origin {
    /// The same machine, over another transport than TCP.
    Local,
    V4(Ipv4Addr),
    /// The first 64 bits: every network has that many addresses below them.
    V6([u16; 4]),
}

/// The exceeded bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    All,
    OfOne,
}

/// The place of one handshake among those under way.
#[derive(Debug)]
pub(super) struct Turn {
    number: u64,
    ended: oneshot::Receiver<Excess>,
    table: Arc<Mutex<Table>>,
}

impl PendingHandshakes {
    /// Allows `max` handshakes, and `max_of_one` from the same address.
    pub(super) fn new(max: usize, max_of_one: usize) -> Self {
        Self {
            table: Arc::default(),
            next: 0,
            max,
            max_of_one,
        }
    }

    /// Returns a place for a handshake with this address.
    pub(super) fn admit(&mut self, remote: &RemoteAddr) -> Turn {
        let origin = Origin::of(remote);
        let number = self.next;
        self.next += 1;
        let (end, ended) = oneshot::channel();
        let mut table = lock(&self.table);
        while origin != Origin::Local
            && let Some((count, Reverse(oldest))) = table.rank(origin)
            && count >= self.max_of_one
        {
            table.end(oldest, Excess::OfOne);
        }
        while table.all.len() >= self.max
            && let Some(&(_, Reverse(oldest))) = table.ranks.last()
        {
            table.end(oldest, Excess::All);
        }
        table.insert(number, Place { origin, end });
        drop(table);
        Turn {
            number,
            ended,
            table: Arc::clone(&self.table),
        }
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock()
}

impl Table {
    /// The number of an origin's handshakes, and its oldest.
    fn rank(&self, origin: Origin) -> Option<(usize, Reverse<u64>)> {
        let turns = self.by_origin.get(&origin)?;
        Some((turns.len(), Reverse(*turns.first()?)))
    }

    fn insert(&mut self, number: u64, place: Place) {
        let origin = place.origin;
        self.all.insert(number, place);
        self.change(origin, |turns| turns.insert(number));
    }

    fn remove(&mut self, number: u64) -> Option<Place> {
        let place = self.all.remove(&number)?;
        self.change(place.origin, |turns| turns.remove(&number));
        Some(place)
    }

    fn change(&mut self, origin: Origin, change: impl FnOnce(&mut BTreeSet<u64>) -> bool) {
        if let Some(rank) = self.rank(origin) {
            self.ranks.remove(&rank);
        }
        let turns = self.by_origin.entry(origin).or_default();
        change(turns);
        if turns.is_empty() {
            self.by_origin.remove(&origin);
        }
        self.ranks.extend(self.rank(origin));
    }

    fn end(&mut self, number: u64, excess: Excess) {
        if let Some(place) = self.remove(number) {
            // It may have ended by itself.
            let _ = place.end.send(excess);
        }
    }
}

impl Origin {
    fn of(remote: &RemoteAddr) -> Self {
        let RemoteAddr::Inet(address) = remote else {
            return Self::Local;
        };
        match address.ip().to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

impl Turn {
    /// Ready when this one must end, as there are too many.
    pub(super) async fn ended(&mut self) -> Error {
        match (&mut self.ended).await {
            Ok(excess) => excess.error(),
            // Never while this has a place, which holds the other end.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Excess {
    fn error(self) -> Error {
        Error::new(ErrorKind::Limit).with_reason(match self {
            Self::All => {
                "too many handshakes are under way, and this one is the oldest of those whose \
                 address has the most"
            }
            Self::OfOne => {
                "too many handshakes are under way with this address, and this one is the oldest"
            }
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.table).remove(self.number);
    }
}

#[cfg(test)]
mod tests;

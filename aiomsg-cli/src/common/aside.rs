//! Answers whose peers have no room for them now.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use aiomsg::Identity;
use aiomsg::parts::vocabulary::sync::{Mutex, MutexGuard};
use tokio::task::JoinSet;

/// The most items that wait aside, for all peers together.
const ITEMS: usize = 16_384;

/// The same in bytes.
const BYTES: usize = 64 << 20;

/// Sends to one peer each, of which some have to wait for room at their peers: these
/// wait aside, those to the same peer in order, and the others go on.
///
/// A peer that takes nothing has room in its queue at the socket, and then for less than
/// three times what is free here: three quarters of it all, and less if there are more
/// of that kind. So it never takes the room of others.
#[derive(Debug)]
pub(crate) struct Aside<T> {
    rooms: Rooms,
    waiting: JoinSet<T>,
}

impl<T: Send + 'static> Aside<T> {
    pub(crate) fn new() -> Self {
        Self {
            rooms: Rooms::default(),
            waiting: JoinSet::new(),
        }
    }

    /// Sends to this peer. Pending: it waits aside, and [`next`](Self::next) says what
    /// became of it.
    ///
    /// # Errors
    ///
    /// Too much waits for this peer already: the item is dropped.
    pub(crate) async fn send(
        &mut self,
        peer: &Identity,
        bytes: usize,
        sending: impl Future<Output = T> + Send + 'static,
    ) -> Result<Poll<T>, Full> {
        let mut sending = Box::pin(sending);
        let at_once = poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx))).await;
        if at_once.is_pending() {
            let place = self.rooms.place(peer, bytes).ok_or(Full)?;
            self.waiting.spawn(async move {
                let _place = place;
                sending.await
            });
        }
        Ok(at_once)
    }

    /// Waits for the next of those that wait. `None`: there are none.
    pub(crate) async fn next(&mut self) -> Option<T> {
        loop {
            // One that panicked has nothing to say.
            if let Ok(sent) = self.waiting.join_next().await? {
                return Some(sent);
            }
        }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A peer takes nothing, and too much waits for it already.
#[derive(Debug)]
pub(crate) struct Full;

/// How much waits aside, and for whom.
#[derive(Debug, Clone, Default)]
struct Rooms(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    all: Room,
    of: HashMap<Identity, Room>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Room {
    items: usize,
    bytes: usize,
}

impl Room {
    fn add(&mut self, bytes: usize) {
        self.items += 1;
        self.bytes += bytes;
    }

    fn take(&mut self, bytes: usize) {
        self.items -= 1;
        self.bytes -= bytes;
    }
}

impl Rooms {
    /// A place for an item of this many bytes. `None`: its peer has too much already.
    fn place(&self, peer: &Identity, bytes: usize) -> Option<Place> {
        let mut waiting = self.lock();
        let own = waiting.of.get(peer).copied().unwrap_or_default();
        let fits = |own: usize, all: usize, limit: usize| {
            let free = limit.saturating_sub(all);
            free > 0 && own < free.saturating_mul(3)
        };
        if !fits(own.items, waiting.all.items, ITEMS) || !fits(own.bytes, waiting.all.bytes, BYTES)
        {
            return None;
        }
        waiting.all.add(bytes);
        waiting.of.entry(peer.clone()).or_default().add(bytes);
        Some(Place {
            rooms: self.clone(),
            peer: peer.clone(),
            bytes,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock()
    }
}

/// A place, until it is dropped.
#[derive(Debug)]
struct Place {
    rooms: Rooms,
    peer: Identity,
    bytes: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.rooms.lock();
        waiting.all.take(self.bytes);
        if let Some(own) = waiting.of.get_mut(&self.peer) {
            own.take(self.bytes);
            if own.items == 0 {
                waiting.of.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_has_three_quarters_and_gives_them_back() {
        let rooms = Rooms::default();
        let [one, other] = [1, 2].map(|n| Identity::from([n; 16]));
        let places: Vec<_> = std::iter::from_fn(|| rooms.place(&one, 1)).collect();
        assert_eq!(places.len(), ITEMS / 4 * 3);
        let another = rooms.place(&other, BYTES / 2);
        assert!(another.is_some());
        drop(places);
        assert!(rooms.place(&one, BYTES).is_some());
        drop(another);
        assert!(rooms.lock().of.is_empty());
    }
}

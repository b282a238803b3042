//! Who waits for room at one peer, or in its mailbox.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aiomsg_core::Identity;
use tokio::sync::{Mutex as Head, OwnedMutexGuard};

/// A line of tasks for each peer that has no room, first come, first served.
///
/// A message for one peer has nothing to wait for but this peer. So its sender stands
/// in no line with others, and of those that send to the same peer, one at a time
/// waits at the stack.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// How many are in a line, or at its head.
    pub(super) waiting: AtomicUsize,
    of: Mutex<HashMap<Identity, Line>>,
}

#[derive(Debug, Default)]
struct Line {
    waiting: usize,
    head: Arc<Head<()>>,
}

/// The head of a line.
pub(super) struct Turn<'a> {
    _head: OwnedMutexGuard<()>,
    _place: Place<'a>,
}

/// A place in a line, for as long as somebody stands there.
struct Place<'a> {
    lines: &'a Lines,
    peer: Identity,
}

impl Lines {
    /// Waits for the head of the line of this peer.
    pub(super) async fn turn(&self, peer: &Identity) -> Turn<'_> {
        let head = {
            let mut lines = self.lock();
            let line = lines.entry(peer.clone()).or_default();
            line.waiting += 1;
            Arc::clone(&line.head)
        };
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Place {
            lines: self,
            peer: peer.clone(),
        };
        Turn {
            _head: head.lock_owned().await,
            _place: place,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Identity, Line>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.lines.waiting.fetch_sub(1, Ordering::Relaxed);
        let mut lines = self.lines.lock();
        if let Some(line) = lines.get_mut(&self.peer) {
            line.waiting -= 1;
            if line.waiting == 0 {
                lines.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn a_line_is_one_of_a_peer_and_gone_when_nobody_is_in_it() {
        let lines = Lines::default();
        let [a, b] = [1, 2].map(|n| Identity::from([n; 16]));
        let first = lines.turn(&a).now_or_never().unwrap();
        let mut second = Box::pin(lines.turn(&a));
        assert!((&mut second).now_or_never().is_none());
        let other = lines.turn(&b).now_or_never();
        assert!(other.is_some(), "of another peer");
        assert_eq!(lines.waiting.load(Ordering::Relaxed), 3);
        drop((first, other));
        let second = second.now_or_never();
        assert!(second.is_some());
        let given_up = lines.turn(&a).now_or_never();
        assert!(given_up.is_none());
        drop((second, given_up));
        assert_eq!(lines.waiting.load(Ordering::Relaxed), 0);
        assert!(lines.lock().is_empty());
    }
}

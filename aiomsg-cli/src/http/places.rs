//! The connections of a server: a bounded number, and a new one is never refused.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinHandle;

/// A request takes a moment. A connection that stays for longer has sent nothing, or does
/// not read, and must not keep others out.
#[derive(Debug)]
pub(super) struct Places {
    /// The oldest first.
    taken: VecDeque<Place>,
    most: usize,
}

#[derive(Debug)]
struct Place {
    task: JoinHandle<()>,
    /// Whether its request has come.
    has_asked: Arc<AtomicBool>,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self {
            taken: VecDeque::new(),
            most,
        }
    }

    /// Ends a connection if all places are taken: the oldest of those without a request,
    /// or else the oldest of all.
    pub(super) async fn make_room(&mut self) {
        if self.taken.len() < self.most {
            return;
        }
        self.taken.retain(|place| !place.task.is_finished());
        if self.taken.len() < self.most {
            return;
        }
        let is_silent = |place: &Place| !place.has_asked.load(Ordering::Relaxed);
        let at = self.taken.iter().position(is_silent).unwrap_or(0);
        if let Some(place) = self.taken.remove(at) {
            place.task.abort();
            // Its file descriptor is free when it has ended.
            let _ = place.task.await;
        }
    }

    pub(super) fn add(&mut self, task: JoinHandle<()>, has_asked: Arc<AtomicBool>) {
        self.taken.push_back(Place { task, has_asked });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    /// Adds one that stays, and tells whether it is there still.
    fn add(places: &mut Places, has_asked: bool) -> Arc<()> {
        let there = Arc::new(());
        let held = Arc::clone(&there);
        let task = tokio::spawn(async move {
            let _held = held;
            pending::<()>().await;
        });
        places.add(task, Arc::new(AtomicBool::new(has_asked)));
        there
    }

    fn is_there(there: &Arc<()>) -> bool {
        Arc::strong_count(there) > 1
    }

    #[tokio::test]
    async fn the_oldest_silent_one_makes_room_and_else_the_oldest() {
        let mut places = Places::new(3);
        let all: Vec<_> = [true, false, false]
            .map(|has_asked| add(&mut places, has_asked))
            .into();
        let left = || all.iter().map(is_there).collect::<Vec<_>>();
        for expected in [[true, false, true], [true, false, false], [false; 3]] {
            places.make_room().await;
            assert_eq!(left(), expected);
            add(&mut places, true);
        }
    }

    #[tokio::test]
    async fn one_that_has_ended_makes_room_by_itself() {
        let mut places = Places::new(2);
        let stays = add(&mut places, false);
        let ends = tokio::spawn(async {});
        while !ends.is_finished() {
            tokio::task::yield_now().await;
        }
        places.add(ends, Arc::default());
        places.make_room().await;
        assert!(is_there(&stays));
    }
}

//! Taking items out of a queue to make room, or because it has ended.

use std::collections::VecDeque;

use aiomsg_core::Weight;

use super::Queue;

/// Which items to take out of a queue to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shed {
    /// The oldest, until one more is admitted.
    Oldest,
    /// The newest one.
    Newest,
    /// All of them.
    All,
}

impl<T: Weight> Queue<T> {
    /// Takes all items in the queue, and their room.
    pub fn drain(&self) -> VecDeque<T> {
        self.shed(Shed::All)
    }

    /// Refuses pushes from now on, and takes some of the items, and their room. The others
    /// can still be taken by the consumer.
    pub fn withdraw(&self, which: impl Fn(&T) -> bool) -> VecDeque<T> {
        let mut state = self.lock();
        let items = std::mem::take(&mut state.items);
        let (withdrawn, others): (VecDeque<_>, VecDeque<_>) =
            items.into_iter().partition(|item| which(item));
        state.items = others;
        for item in &withdrawn {
            state.sub(item);
        }
        Self::close_locked(state);
        withdrawn
    }

    /// Takes some of the items in the queue, and their room, but none that a consumer has
    /// taken already.
    pub fn shed(&self, which: Shed) -> VecDeque<T> {
        let mut state = self.lock();
        let items = match which {
            Shed::All => {
                let items = std::mem::take(&mut state.items);
                state.used_items -= items.len();
                state.used_bytes -= items.iter().map(Weight::weight).sum::<usize>();
                items
            }
            Shed::Newest => {
                let newest = state.items.pop_back();
                newest.into_iter().inspect(|item| state.sub(item)).collect()
            }
            Shed::Oldest => {
                let mut items = VecDeque::new();
                while !state.admits()
                    && let Some(item) = state.items.pop_front()
                {
                    state.sub(&item);
                    items.push_back(item);
                }
                items
            }
        };
        let producers = state.producers.take();
        self.freed(state, producers);
        items
    }
}

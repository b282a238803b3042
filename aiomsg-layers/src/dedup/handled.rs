use std::collections::{HashSet, VecDeque};

use aiomsg_core::MessageId;
use tokio::time::Instant;

/// Collections that are smaller than this keep their room.
const SMALL: usize = 16;

/// The handled messages of one peer.
#[derive(Default)]
pub(super) struct Handled {
    ids: HashSet<MessageId>,
    /// The oldest first.
    order: VecDeque<(Instant, MessageId)>,
}

impl Handled {
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn contains(&self, id: &MessageId) -> bool {
        self.ids.contains(id)
    }

    /// When the last message was handled.
    pub(super) fn last(&self) -> Option<Instant> {
        self.order.back().map(|(since, _)| *since)
    }

    pub(super) fn push(&mut self, now: Instant, id: MessageId) {
        if self.ids.insert(id) {
            self.order.push_back((now, id));
        }
    }

    pub(super) fn forget_before(&mut self, then: Instant) {
        while let Some((since, _)) = self.order.front()
            && *since < then
        {
            self.forget_oldest();
        }
    }

    pub(super) fn forget_oldest(&mut self) {
        if let Some((_, id)) = self.order.pop_front() {
            self.ids.remove(&id);
        }
        // The bound on all messages bounds the memory only if unused memory is freed.
        // Half of it stays, so that this is rare.
        let room = self.order.capacity();
        if room > SMALL && self.len() < room / 4 {
            self.order.shrink_to(room / 2);
            self.ids.shrink_to(room / 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_forgotten_leaves_no_room_behind() {
        let now = Instant::now();
        let mut handled = Handled::default();
        for id in 0..10_000_u128 {
            handled.push(now, MessageId::from_bytes(id.to_be_bytes()));
        }
        for left in (1..10_000).rev() {
            handled.forget_oldest();
            assert_eq!(handled.len(), left);
            let room = handled.order.capacity().max(handled.ids.capacity());
            assert!(room <= (8 * left).max(SMALL * 2), "{room} for {left}");
        }
    }
}

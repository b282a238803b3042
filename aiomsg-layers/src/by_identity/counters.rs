//! Waiting messages and senders, by peer.

use std::collections::BTreeMap;

use aiomsg_core::{Identity, Limits, Outbound, Weight};

use super::mailbox::Mailbox;
use crate::line::Line;
use crate::queue::WakerList;

/// All that wait.
pub(super) struct State<P> {
    /// The peers for which something waits. Sorted, so that the next step does not depend on
    /// chance.
    pub(super) counters: BTreeMap<Identity, Counter<P>>,
    pub(super) items: usize,
    pub(super) bytes: usize,
    pub(super) closed: bool,
    /// Woken by the first mail.
    pub(super) expiry: WakerList,
}

/// The messages and senders that wait for one peer.
pub(super) struct Counter<P> {
    /// The peer, if it is connected.
    pub(super) peer: Option<P>,
    pub(super) mail: Mailbox,
    pub(super) line: Line,
}

impl<P> State<P> {
    pub(super) fn counter(&mut self, identity: &Identity, peer: Option<&P>) -> &mut Counter<P>
    where
        P: Clone,
    {
        self.counters
            .entry(identity.clone())
            .or_insert_with(|| Counter {
                peer: peer.cloned(),
                mail: Mailbox::default(),
                line: Line::new(),
            })
    }

    /// Sets how much is in the mailboxes now.
    pub(super) fn weigh(&mut self, weight: usize) {
        let first = self.items == 0;
        self.items += 1;
        self.bytes += weight;
        if first {
            self.expiry.take().wake();
        }
    }

    pub(super) fn used(&self) -> Limits {
        Limits {
            items: self.items,
            bytes: self.bytes,
        }
    }

    /// For how many of these there is room, from the first on.
    pub(super) fn room_for<'a>(
        &self,
        limits: &Limits,
        messages: impl Iterator<Item = &'a Outbound>,
    ) -> usize {
        let Limits {
            mut items,
            mut bytes,
        } = self.used();
        messages
            .take_while(|message| {
                let fits = limits.admit(items, bytes);
                items += 1;
                bytes += message.weight();
                fits
            })
            .count()
    }

    /// There is more room in the mailboxes.
    pub(super) fn wake_lines(&self) {
        for counter in self.counters.values() {
            if !counter.line.is_empty() {
                counter.line.wake();
            }
        }
    }
}

impl<P> Counter<P> {
    pub(super) fn is_idle(&self) -> bool {
        self.mail.is_empty() && self.line.is_empty()
    }
}

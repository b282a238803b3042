use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use aiomsg_core::queue::{Limits, Weight};
use aiomsg_core::{DropReason, Identity, Outbound};
use bytes::Bytes;
use tokio::time::Instant;

use super::given_up::GivenUp;
use crate::time::bounded;

/// How much is kept for peers that are absent, and how long.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct MailboxSettings {
    /// How much is kept for all absent peers together: 65,536 messages or
    /// 64 MiB.
    pub limits: Limits,
    /// How long a message is kept: 60 s. Peers that choose a new identity each
    /// time they start do not come back, and what waits for them is not to
    /// fill the mailboxes of the others.
    pub keep: Duration,
}

impl Default for MailboxSettings {
    fn default() -> Self {
        Self {
            limits: Limits {
                items: 65_536,
                bytes: 64 << 20,
            },
            keep: Duration::from_secs(60),
        }
    }
}

/// A message of less than this is copied: it may be a part of something larger that is
/// gone by now, as a block that was read.
const COPIED_BELOW: usize = 16 << 10;

/// Messages that are addressed to peers that are absent.
#[derive(Debug)]
pub(super) struct Mailboxes {
    settings: MailboxSettings,
    /// In order, so that what happens next does not hang on chance.
    boxes: BTreeMap<Identity, VecDeque<(Instant, Outbound)>>,
    items: usize,
    bytes: usize,
}

impl Mailboxes {
    pub(super) fn new(mut settings: MailboxSettings) -> Self {
        settings.keep = bounded(settings.keep);
        Self {
            settings,
            boxes: BTreeMap::new(),
            items: 0,
            bytes: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items == 0
    }

    pub(super) fn holds(&self, identity: &Identity) -> bool {
        !self.boxes.is_empty() && self.boxes.contains_key(identity)
    }

    pub(super) fn has_room(&self) -> bool {
        self.settings.limits.admit(self.items, self.bytes)
    }

    /// How many of these there is room for, from the first on.
    pub(super) fn room_for<'a>(&self, messages: impl Iterator<Item = &'a Outbound>) -> usize {
        let (mut items, mut bytes) = (self.items, self.bytes);
        messages
            .take_while(|message| {
                let fits = self.settings.limits.admit(items, bytes);
                items += 1;
                bytes += message.weight();
                fits
            })
            .count()
    }

    pub(super) fn push(&mut self, identity: Identity, message: Outbound) {
        self.items += 1;
        self.bytes += message.weight();
        let entry = (Instant::now(), compact(message));
        self.boxes.entry(identity).or_default().push_back(entry);
    }

    /// Puts back what came out of a queue, before what came later. This is not
    /// held against the limits: it was admitted before.
    pub(super) fn put_back(&mut self, identity: Identity, message: Outbound) {
        self.items += 1;
        self.bytes += message.weight();
        let entry = (Instant::now(), compact(message));
        self.boxes.entry(identity).or_default().push_front(entry);
    }

    pub(super) fn pop(&mut self, identity: &Identity) -> Option<Outbound> {
        let waiting = self.boxes.get_mut(identity)?;
        let message = waiting.pop_front().map(|(_, message)| message);
        if waiting.is_empty() {
            self.boxes.remove(identity);
        }
        if let Some(message) = &message {
            self.items -= 1;
            self.bytes -= message.weight();
        }
        message
    }

    /// Takes out the message that has waited longest.
    pub(super) fn pop_oldest(&mut self) -> Option<Outbound> {
        let oldest = self
            .boxes
            .iter()
            .filter_map(|(identity, waiting)| Some((waiting.front()?.0, identity)))
            .min()?;
        let identity = oldest.1.clone();
        self.pop(&identity)
    }

    /// When the oldest message is given up.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        let oldest = self.boxes.values().filter_map(|waiting| waiting.front());
        oldest.map(|(since, _)| *since + self.settings.keep).min()
    }

    /// Gives up what waited too long.
    pub(super) fn expire(&mut self, now: Instant, given_up: &mut GivenUp) {
        if self.is_empty() {
            return;
        }
        let keep = self.settings.keep;
        let (items, bytes) = (&mut self.items, &mut self.bytes);
        self.boxes.retain(|_, waiting| {
            while let Some((_, message)) = waiting.pop_front_if(|(since, _)| *since + keep <= now) {
                *items -= 1;
                *bytes -= message.weight();
                given_up.add(message, DropReason::PeerAbsent);
            }
            !waiting.is_empty()
        });
    }

    /// Takes everything out.
    pub(super) fn drain(&mut self) -> Vec<Outbound> {
        self.items = 0;
        self.bytes = 0;
        std::mem::take(&mut self.boxes)
            .into_values()
            .flatten()
            .map(|(_, message)| message)
            .collect()
    }
}

/// What is kept for long is to hold no more than itself.
fn compact(message: Outbound) -> Outbound {
    if message.payload().len() >= COPIED_BELOW {
        return message;
    }
    let copy = Bytes::copy_from_slice(message.payload());
    message.with_payload(copy)
}

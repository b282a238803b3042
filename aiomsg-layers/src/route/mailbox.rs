use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use aiomsg_core::{Discard, DropReason, Identity, Limits, Outbound, Target, Weight, hook};
use bytes::Bytes;
use tokio::time::Instant;

use crate::queue::{Closed, Peer};
use crate::shared::share;
use crate::time::bounded;

/// What a peer has for which nothing waits.
const NONE: Limits = Limits { items: 0, bytes: 0 };

/// How much is kept for peers that are absent, and how long.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct MailboxSettings {
    /// How much is kept for all absent peers together: 65,536 messages or
    /// 64 MiB. One of them has three quarters of it at most, and the more there are,
    /// the less.
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

/// What waits for one peer.
#[derive(Debug, Default)]
struct Mailbox {
    waiting: VecDeque<(Instant, Outbound)>,
    bytes: usize,
}

/// Messages that are addressed to peers that are absent.
#[derive(Debug)]
pub(super) struct Mailboxes {
    settings: MailboxSettings,
    /// In order, so that what happens next does not hang on chance.
    boxes: BTreeMap<Identity, Mailbox>,
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

    /// Whether one more may wait for this peer, of which not all that waits is to be.
    pub(super) fn has_room(&self, identity: &Identity) -> bool {
        let own = self.boxes.get(identity);
        let own = own.map_or(NONE, |own| Limits {
            items: own.waiting.len(),
            bytes: own.bytes,
        });
        let used = Limits {
            items: self.items,
            bytes: self.bytes,
        };
        share::admits(&self.settings.limits, used, own)
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
        let message = compact(message);
        let mailbox = self.weigh(identity, &message);
        mailbox.waiting.push_back((Instant::now(), message));
    }

    /// Puts back what came out of a queue, before what came later. This is not
    /// held against the limits: it was admitted before.
    pub(super) fn put_back(&mut self, identity: Identity, message: Outbound) {
        let mailbox = self.weigh(identity, &message);
        mailbox.waiting.push_front((Instant::now(), message));
    }

    /// The mailbox of a peer, with the weight of one message more.
    fn weigh(&mut self, identity: Identity, message: &Outbound) -> &mut Mailbox {
        let weight = message.weight();
        self.items += 1;
        self.bytes += weight;
        let mailbox = self.boxes.entry(identity).or_default();
        mailbox.bytes += weight;
        mailbox
    }

    pub(super) fn pop(&mut self, identity: &Identity) -> Option<Outbound> {
        let mailbox = self.boxes.get_mut(identity)?;
        let message = mailbox.waiting.pop_front().map(|(_, message)| message);
        if let Some(message) = &message {
            self.items -= 1;
            self.bytes -= message.weight();
            mailbox.bytes -= message.weight();
        }
        if mailbox.waiting.is_empty() {
            self.boxes.remove(identity);
        }
        message
    }

    /// Gives a peer that has returned its copies of published messages, whatever room
    /// it has: newer ones do not wait for them. They were within the limits here.
    pub(super) fn deliver_copies<P: Peer>(&mut self, identity: &Identity, peer: &mut P) {
        let Some(mailbox) = self.boxes.get(identity) else {
            return;
        };
        let is_copy = |(_, message): &(_, Outbound)| message.target() == &Target::Copy;
        let last = mailbox.waiting.iter().rposition(is_copy);
        for _ in 0..last.map_or(0, |last| last + 1) {
            let Some(message) = self.pop(identity) else {
                break;
            };
            if let Err(Closed(message)) = peer.push(message) {
                self.put_back(identity.clone(), message);
                break;
            }
        }
    }

    /// Makes room for one more of this peer's: takes out its oldest one, or the one
    /// of all that has waited longest if it has none.
    pub(super) fn pop_for(&mut self, identity: &Identity) -> Option<Outbound> {
        if self.holds(identity) {
            return self.pop(identity);
        }
        let oldest = self
            .boxes
            .iter()
            .filter_map(|(identity, mailbox)| Some((mailbox.waiting.front()?.0, identity)))
            .min()?;
        let identity = oldest.1.clone();
        self.pop(&identity)
    }

    /// When the oldest message is given up.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        let oldest = self
            .boxes
            .values()
            .filter_map(|mailbox| mailbox.waiting.front());
        oldest.map(|(since, _)| *since + self.settings.keep).min()
    }

    /// Gives up what waited too long.
    pub(super) fn expire(&mut self, now: Instant, discard: &Discard) {
        if self.is_empty() {
            return;
        }
        let keep = self.settings.keep;
        let (items, bytes) = (&mut self.items, &mut self.bytes);
        self.boxes.retain(
            |_,
             Mailbox {
                 waiting,
                 bytes: own,
             }| {
                while let Some((_, message)) =
                    waiting.pop_front_if(|(since, _)| *since + keep <= now)
                {
                    *items -= 1;
                    *bytes -= message.weight();
                    *own -= message.weight();
                    discard.message(message, DropReason::PeerAbsent);
                }
                !waiting.is_empty()
            },
        );
    }

    /// Takes everything out.
    pub(super) fn drain(&mut self) -> Vec<Outbound> {
        self.items = 0;
        self.bytes = 0;
        std::mem::take(&mut self.boxes)
            .into_values()
            .flat_map(|mailbox| mailbox.waiting)
            .map(|(_, message)| message)
            .collect()
    }
}

/// What is kept for long is to hold no more than itself.
fn compact(message: Outbound) -> Outbound {
    if message.payload().len() >= COPIED_BELOW {
        return message;
    }
    let original = message.payload().clone();
    let message = message.with_payload(Bytes::copy_from_slice(&original));
    // Its destructor may be a user's, and there may be a lock.
    hook::tell(move || drop(original));
    message
}

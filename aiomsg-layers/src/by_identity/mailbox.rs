use std::collections::VecDeque;
use std::time::Duration;

use aiomsg_core::{Limits, Outbound, Target, Weight, hook};
use bytes::Bytes;
use tokio::time::Instant;

/// How much is kept for absent peers, and for how long.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct MailboxSettings {
    /// How much is kept for all absent peers together: 65,536 messages or
    /// 64 MiB. One of them has three quarters of it at most, and the more there are,
    /// the less.
    pub limits: Limits,
    /// How long a message is kept: 60 s. Peers that choose a new identity each time they
    /// start do not come back, and their messages must not fill the mailboxes of others.
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

/// A message of less than this is copied, because it may hold a larger buffer, such as a
/// block that was read.
const COPIED_BELOW: usize = 16 << 10;

/// The messages for one peer, each with the time since when it waits.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    waiting: VecDeque<(Instant, Outbound)>,
    bytes: usize,
}

impl Mailbox {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The messages and bytes in it.
    pub(super) fn used(&self) -> Limits {
        Limits {
            items: self.waiting.len(),
            bytes: self.bytes,
        }
    }

    pub(super) fn push(&mut self, message: Outbound) -> usize {
        let message = compact(message);
        let weight = message.weight();
        self.bytes += weight;
        self.waiting.push_back((Instant::now(), message));
        weight
    }

    /// Puts a message from a queue back in front of later ones.
    pub(super) fn put_back(&mut self, message: Outbound) -> usize {
        let weight = message.weight();
        self.bytes += weight;
        self.waiting.push_front((Instant::now(), message));
        weight
    }

    pub(super) fn pop(&mut self) -> Option<Outbound> {
        let (_, message) = self.waiting.pop_front()?;
        self.bytes -= message.weight();
        Some(message)
    }

    /// Takes the oldest message, if it waits since then.
    pub(super) fn pop_since(&mut self, since: Instant, keep: Duration) -> Option<Outbound> {
        let (at, _) = self.waiting.front()?;
        if *at + keep > since {
            return None;
        }
        self.pop()
    }

    /// How many messages there are up to the last copy of a published one.
    pub(super) fn until_last_copy(&self) -> usize {
        let is_copy = |(_, message): &(_, Outbound)| message.target() == &Target::Copy;
        let last = self.waiting.iter().rposition(is_copy);
        last.map_or(0, |last| last + 1)
    }

    /// Since when the oldest message waits.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.waiting.front().map(|(since, _)| *since)
    }
}

/// A message that is kept for long must hold no more than its own bytes.
fn compact(mut message: Outbound) -> Outbound {
    if !message.headers().is_empty() {
        let original = message.headers().clone();
        let mut headers = original.clone();
        headers.unshare();
        message.set_headers(headers);
        hook::tell(move || drop(original));
    }
    if message.payload().len() >= COPIED_BELOW {
        return message;
    }
    let original = message.payload().clone();
    let message = message.with_payload(Bytes::copy_from_slice(&original));
    // Its destructor may be a user's, and there may be a lock.
    hook::tell(move || drop(original));
    message
}

use std::mem::take;

use aiomsg_core::{Discard, DropReason, Outbound};

/// Messages that were given up, and that nobody has been told of yet.
///
/// Whoever hears of them is a user's: a listener, or a subscriber of logs that
/// sends by the same socket. So nobody is told while a lock is held, if there is
/// one.
#[derive(Debug)]
#[must_use = "messages that are dropped with it are lost in silence"]
pub struct GivenUp {
    discard: Discard,
    /// There is a lock, and whoever holds it tells.
    pub(super) deferred: bool,
    messages: Vec<(Outbound, DropReason)>,
}

impl GivenUp {
    pub(super) fn new(discard: Discard) -> Self {
        Self {
            discard,
            deferred: false,
            messages: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, message: Outbound, reason: DropReason) {
        match self.deferred {
            true => self.messages.push((message, reason)),
            false => self.discard.message(message, reason),
        }
    }

    /// Those for which there was no room.
    pub(super) fn add_all(&mut self, messages: impl IntoIterator<Item = Outbound>) {
        for message in messages {
            self.add(message, DropReason::Overflow);
        }
    }

    /// Takes out what there is.
    #[inline]
    pub(super) fn take(&mut self) -> Option<Self> {
        if self.messages.is_empty() {
            return None;
        }
        Some(Self {
            discard: self.discard.clone(),
            deferred: false,
            messages: take(&mut self.messages),
        })
    }

    /// Tells of each.
    pub fn tell(self) {
        for (message, reason) in self.messages {
            self.discard.message(message, reason);
        }
    }
}

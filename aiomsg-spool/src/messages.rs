//! The stored messages, for a program that handles them itself.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use aiomsg_core::{Headers, Identity, MessageId};
use bytes::Bytes;

use crate::SpoolError;
use crate::front::Front;
use crate::store::{Fate, Settled, Stored};

/// The most messages that are taken out of the store at once.
const MOST: usize = 256;

/// The messages of a spool, in the order in which they came. See
/// [`Spool::messages`](crate::Spool::messages).
#[derive(Debug)]
pub struct Messages {
    front: Arc<Front>,
    taken: VecDeque<Held>,
}

impl Messages {
    pub(crate) fn new(front: Arc<Front>) -> Self {
        Self {
            front,
            taken: VecDeque::new(),
        }
    }

    /// Waits for the next message. It stays in the store until [`Held::done`].
    ///
    /// # Errors
    ///
    /// When the store cannot be read, and when the spool is closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no message is lost or left out.
    pub async fn next(&mut self) -> Result<Held, SpoolError> {
        loop {
            if let Some(held) = self.taken.pop_front() {
                return Ok(held);
            }
            if self.front.is_closed() {
                return Err(SpoolError::Closed);
            }
            let stored = self.front.store().next(MOST).await?;
            let held = stored.into_iter().map(|stored| Held {
                stored,
                front: Some(Arc::clone(&self.front)),
            });
            self.taken.extend(held);
        }
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.front.untake();
    }
}

/// A message of a store. Dropped without [`done`](Held::done), it is given out again.
#[must_use = "it is given out again unless it is done"]
pub struct Held {
    stored: Stored,
    front: Option<Arc<Front>>,
}

impl Held {
    /// The payload.
    pub fn payload(&self) -> &Bytes {
        &self.stored.entry.payload
    }

    /// The headers.
    pub fn headers(&self) -> &Headers {
        &self.stored.entry.headers
    }

    /// The peer: in an inbox, the one from which the message came.
    pub fn peer(&self) -> Option<&Identity> {
        self.stored.entry.peer.as_ref()
    }

    /// The id that it had when it came. A message that comes twice has the same.
    pub fn id(&self) -> MessageId {
        self.stored.entry.id
    }

    /// When it came.
    pub fn at(&self) -> SystemTime {
        self.stored.entry.at
    }

    /// How often it was tried before, and failed.
    pub fn tries(&self) -> u32 {
        self.stored.tries
    }

    /// Deletes the message: it is handled.
    ///
    /// # Errors
    ///
    /// When the store cannot be written. The message may come again then.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the message is deleted or given out again.
    pub async fn done(self) -> Result<(), SpoolError> {
        self.settle(Fate::Done).await
    }

    /// Counts a try that failed: the message is given out again, before those that have not been, or
    /// set aside after the last try.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn failed(self, reason: impl Into<String>) -> Result<(), SpoolError> {
        let tries = self.stored.tries.saturating_add(1);
        let most = self.front.as_ref().map(|it| it.settings().max_tries);
        let fate = match most.is_some_and(|most| tries >= most) {
            true => Fate::Dead(reason.into()),
            false => Fate::Failed,
        };
        self.settle(fate).await
    }

    /// Sets the message aside, for this reason.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn set_aside(self, reason: impl Into<String>) -> Result<(), SpoolError> {
        self.settle(Fate::Dead(reason.into())).await
    }

    async fn settle(mut self, fate: Fate) -> Result<(), SpoolError> {
        let settled = self.settled(fate);
        match self.front.take() {
            Some(front) => front.settle(vec![settled]).await,
            None => Ok(()),
        }
    }

    fn settled(&self, fate: Fate) -> (MessageId, Settled) {
        let seq = self.stored.seq;
        (self.stored.entry.id, Settled { seq, fate })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let settled = self.settled(Fate::Returned);
        if let Some(front) = self.front.take() {
            front.runtime().spawn(front.settle(vec![settled]));
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.stored).finish()
    }
}

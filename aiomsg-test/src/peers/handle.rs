use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use aiomsg_core::{Identity, Limits, Outbound};
use aiomsg_layers::peers::Peers;
use bytes::Bytes;

use super::MockPeer;
use super::mock::Shared;

/// The connection behind a [`MockPeer`].
///
/// Clones are handles of the same peer. When all are dropped, the peer stays,
/// and takes messages up to its limits.
#[derive(Clone)]
pub struct PeerHandle {
    identity: Identity,
    shared: Arc<Shared>,
    /// Tells the table of the end, if there is one.
    peers: Option<Peers<MockPeer>>,
}

impl PeerHandle {
    pub(super) fn new(identity: Identity, limits: Limits, peers: Option<Peers<MockPeer>>) -> Self {
        Self {
            identity,
            shared: Arc::new(Shared::new(limits)),
            peers,
        }
    }

    pub(super) fn peer(&self) -> MockPeer {
        MockPeer::new(Arc::clone(&self.shared))
    }

    /// Who the peer is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    // ===== what it was given =====

    /// Takes the messages that it was given, the oldest first, and so makes
    /// room for as many.
    pub fn take(&self) -> Vec<Outbound> {
        self.shared.queue.drain().into()
    }

    /// The same, as payloads, which are easy to compare.
    pub fn take_payloads(&self) -> Vec<Bytes> {
        let taken = self.take().into_iter();
        taken.map(Outbound::into_payload).collect()
    }

    /// Waits for the next message, and takes it. `None` says that the peer
    /// takes no more, and has none left.
    ///
    /// As in a socket, who waits for room is woken when half of it is free.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes no message.
    pub async fn next_message(&self) -> Option<Outbound> {
        poll_fn(|cx| self.shared.queue.poll_pop(cx)).await
    }

    /// How many messages it was given and not taken.
    pub fn len(&self) -> usize {
        self.shared.queue.items()
    }

    /// Whether it was given no message that is not taken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages it was given while it had no room.
    ///
    /// One now and then is within the contract of a
    /// [`Peer`](aiomsg_layers::queue::Peer), whose room is not reserved: another
    /// caller may have taken it, or the message was meant for a peer that was
    /// found to be gone. A policy that asks for room causes no more.
    pub fn overruns(&self) -> usize {
        self.shared.lock().overruns
    }

    // ===== what it does =====

    /// Lets it have no room, whatever its limits are.
    pub fn fill(&self) {
        self.shared.lock().full = true;
    }

    /// Takes [`fill`](Self::fill) back. Its limits hold again.
    pub fn free(&self) {
        let mut state = self.shared.lock();
        state.full = false;
        let woken = state.producers.take();
        drop(state);
        woken.wake();
    }

    /// Lets it take no more, and tells nobody: the send path finds it out when it
    /// tries. So it is in a socket for a moment when a connection ends, and
    /// for longer when it is ended with messages still to be sent.
    pub fn close(&self) {
        self.close_with([]);
    }

    /// Ends the connection: it takes no more, and the table is told. What it
    /// was given and what was not [taken](Self::take) never left, and is taken
    /// back.
    ///
    /// A peer that belongs to no table is only [closed](Self::close).
    pub fn end(&self) {
        self.end_with([]);
    }

    /// Ends the connection with messages that were taken and never left. They
    /// come before all others.
    ///
    /// ```
    /// use aiomsg_core::Outbound;
    /// use aiomsg_layers::Distribute;
    /// use aiomsg_layers::distribute::RoundRobin;
    /// use aiomsg_test::{discard, peers};
    /// use tower::{Service, ServiceExt};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg_core::Error> {
    /// let (table, peers) = peers::pair(discard::pair().0);
    /// let mut distribute = Distribute::new(&table, RoundRobin::new());
    /// let a = peers.insert("a", peers::LIMITS);
    /// for payload in ["1", "2", "3"] {
    ///     distribute.ready().await?.call(Outbound::new(payload)).await?;
    /// }
    ///
    /// let mut batch = a.take();
    /// // The first message leaves, and then the connection dies.
    /// batch.remove(0);
    /// a.end_with(batch);
    /// let b = peers.insert("b", peers::LIMITS);
    /// distribute.ready().await?;
    /// assert_eq!(b.take_payloads(), ["2", "3"]);
    /// # Ok(()) }
    /// ```
    pub fn end_with<I>(&self, unsent: I)
    where
        I: IntoIterator<Item = Outbound, IntoIter: DoubleEndedIterator>,
    {
        self.close_with(unsent);
        if let Some(peers) = &self.peers
            && !std::mem::replace(&mut self.shared.lock().removed, true)
        {
            peers.remove(&self.identity);
        }
    }

    fn close_with<I>(&self, unsent: I)
    where
        I: IntoIterator<Item = Outbound, IntoIter: DoubleEndedIterator>,
    {
        // In this order: see `poll_room`.
        self.shared.queue.close_with(unsent.into_iter());
        let woken = self.shared.lock().producers.take();
        woken.wake();
    }
}

impl fmt::Debug for PeerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerHandle")
            .field("identity", &self.identity)
            .field("queue", &self.shared.queue)
            .finish_non_exhaustive()
    }
}

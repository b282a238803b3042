use std::sync::{Arc, Mutex, PoisonError};

use aiomsg_core::{Identity, Link, Outbound};
use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::queue::Queue;
use crate::session::{Meter, SessionHandle};

/// A peer, as others see it, with what its socket knows of it (`T`).
#[derive(Debug)]
pub struct Member<T> {
    pub(super) identity: Identity,
    pub(super) dialled: bool,
    pub(super) info: T,
    /// What proves who the peer is, beyond its word.
    pub(super) proof: Option<Bytes>,
    pub(super) link: Link,
    pub(super) queue: Queue<Outbound>,
    pub(super) handle: SessionHandle,
    meter: Meter,
    since: Instant,
    /// The peer was told who we are, before this was asked to be let in.
    pub(super) told: bool,
    /// The peer had said more than who it is by then.
    heard: bool,
    /// Asks for room for another connection of this peer.
    pub(super) evict: CancellationToken,
    /// The session has ended, and the identity is free.
    pub(super) ended: CancellationToken,
    /// Another connection with this identity is waiting already.
    contested: Mutex<bool>,
}

impl<T> Member<T> {
    /// A peer that has just connected (`dialled`: to which we did), with the
    /// queue of its messages and the view of its wire.
    pub fn new(
        identity: Identity,
        dialled: bool,
        queue: Queue<Outbound>,
        link: Link,
        info: T,
    ) -> Self {
        Self {
            identity,
            dialled,
            info,
            proof: None,
            link,
            queue,
            handle: SessionHandle::new(),
            meter: Meter::new(),
            since: Instant::now(),
            told: false,
            heard: false,
            evict: CancellationToken::new(),
            ended: CancellationToken::new(),
            contested: Mutex::new(false),
        }
    }

    /// Adds what proves who the peer is, such as its certificate: a peer that
    /// shows the same as the one that is connected takes its place at once.
    #[must_use]
    pub fn proof(mut self, proof: Option<Bytes>) -> Self {
        self.proof = proof;
        self
    }

    /// Says whether the peer was told who we are: it may have let this connection
    /// in then. Whoever can asks before that.
    #[must_use]
    pub fn told(mut self, told: bool) -> Self {
        self.told = told;
        self
    }

    /// Says whether bytes of the peer have come behind its handshake.
    #[must_use]
    pub fn heard(mut self, heard: bool) -> Self {
        self.heard = heard;
        self
    }

    /// Whether the peer has let this connection in, as far as can be known: it has
    /// said more than who it is.
    pub fn is_confirmed(&self) -> bool {
        self.heard || self.link.read() > 0
    }

    /// Sets what counts its messages.
    #[must_use]
    pub fn meter(mut self, meter: Meter) -> Self {
        self.meter = meter;
        self
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What its socket knows of it.
    pub fn info(&self) -> &T {
        &self.info
    }

    /// The messages that wait for it.
    pub fn queue(&self) -> &Queue<Outbound> {
        &self.queue
    }

    /// The view of its wire.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// What may be asked of its session, which is to be given this handle.
    pub fn handle(&self) -> &SessionHandle {
        &self.handle
    }

    /// How many messages it has sent and got, once its session runs.
    pub fn counts(&self) -> &Meter {
        &self.meter
    }

    /// When it connected.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// The place is wanted by a connection by which the peer was `told` who we are, or
    /// was not.
    pub(super) fn contest(self: &Arc<Self>, told: bool) -> Option<Contest<T>> {
        let mut contested = self
            .contested
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *contested {
            return None;
        }
        *contested = true;
        // The peer may have let in the other one, and not this one: then whatever is
        // sent by this one is lost.
        self.handle.set_held(told && !self.is_confirmed());
        Some(Contest(Arc::clone(self)))
    }
}

/// The right of one connection to wait for the identity of another. More than
/// one would be no use, and could be very many.
pub(super) struct Contest<T>(Arc<Member<T>>);

impl<T> Drop for Contest<T> {
    fn drop(&mut self) {
        let mut contested = self
            .0
            .contested
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *contested = false;
        self.0.handle.set_held(false);
    }
}

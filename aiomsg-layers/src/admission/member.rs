use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use aiomsg_core::sync::Mutex;
use aiomsg_core::{Identity, Link, Outbound};
use bytes::Bytes;
use tokio::time::Instant;

use crate::queue::Queue;
use crate::session::{Meter, SessionHandle};

/// A peer in the table, with information of its socket (`T`).
#[derive(Debug)]
pub struct Member<T> {
    pub(super) identity: Identity,
    pub(super) dialled: bool,
    pub(super) info: T,
    /// Proves the peer's identity. Most connections have none.
    pub(super) proof: Option<Box<Bytes>>,
    pub(super) link: Link,
    pub(super) queue: Queue<Outbound>,
    pub(super) handle: SessionHandle,
    meter: Meter,
    since: Instant,
    /// Whether the peer knew our identity before the admission.
    pub(super) told: bool,
    /// Whether the peer had sent more than its identity by then.
    heard: bool,
    place: Mutex<Place>,
}

/// The place of a member in the table.
#[derive(Debug, Default)]
struct Place {
    /// Another connection with this identity is waiting already.
    contested: bool,
    /// The session has ended, and the identity is free.
    ended: bool,
    /// Waits for that. Of several connections one waits.
    waiting: Option<Waker>,
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
            place: Mutex::default(),
        }
    }

    /// Adds a proof of the peer's identity, such as its certificate. A new connection with the
    /// same proof as the present one takes its place at once, if the peer has dialled both.
    #[must_use]
    pub fn proof(mut self, proof: Option<Bytes>) -> Self {
        self.proof = proof.map(Box::new);
        self
    }

    /// Says whether the peer knows our identity already: then it may have admitted this
    /// connection. Ask for admission before that, if possible.
    #[must_use]
    pub fn told(mut self, told: bool) -> Self {
        self.told = told;
        self
    }

    /// Says whether the peer has sent bytes behind its handshake.
    #[must_use]
    pub fn heard(mut self, heard: bool) -> Self {
        self.heard = heard;
        self
    }

    /// Whether the peer has admitted this connection, as far as is known: it has sent more
    /// than its identity.
    pub fn is_confirmed(&self) -> bool {
        self.heard || self.link.read() > 0
    }

    /// Sets the meter of its messages.
    #[must_use]
    pub fn meter(mut self, meter: Meter) -> Self {
        self.meter = meter;
        self
    }

    /// The identity of the peer.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The socket's information about it.
    pub fn info(&self) -> &T {
        &self.info
    }

    /// The queue of its messages.
    pub fn queue(&self) -> &Queue<Outbound> {
        &self.queue
    }

    /// The view of its wire.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// The handle of its session. Give it to the session.
    pub fn handle(&self) -> &SessionHandle {
        &self.handle
    }

    /// Counts its messages in both directions, once its session runs.
    pub fn counts(&self) -> &Meter {
        &self.meter
    }

    /// The time at which it connected.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Asks for the place for another connection. `told` says whether the peer knows our
    /// identity on that one.
    pub(super) fn contest(self: &Arc<Self>, told: bool) -> Option<Contest<T>> {
        let mut place = self.place.lock();
        if std::mem::replace(&mut place.contested, true) {
            return None;
        }
        // The peer may have admitted the other one, and not this one. Then messages on this
        // one are lost.
        self.handle.set_held(told && !self.is_confirmed());
        Some(Contest(Arc::clone(self)))
    }

    /// The session has ended, and the identity is free.
    pub(super) fn end(&self) {
        let mut place = self.place.lock();
        place.ended = true;
        let waiting = place.waiting.take();
        drop(place);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

/// The right of one connection to wait for the identity of another. More than one would be of
/// no use, and there could be very many.
pub(super) struct Contest<T>(Arc<Member<T>>);

impl<T> Contest<T> {
    /// Waits until the session has ended, and the identity is free.
    pub(super) async fn ended(&self) {
        poll_fn(|cx| {
            let mut place = self.0.place.lock();
            if place.ended {
                return Poll::Ready(());
            }
            let old = place.waiting.replace(cx.waker().clone());
            drop(place);
            // It may be the last one of a task, whose end is not for under the lock.
            drop(old);
            Poll::Pending
        })
        .await;
    }
}

impl<T> Drop for Contest<T> {
    fn drop(&mut self) {
        let mut place = self.0.place.lock();
        place.contested = false;
        let waiting = place.waiting.take();
        self.0.handle.set_held(false);
        drop(place);
        drop(waiting);
    }
}

//! Shared by the tests of the send path: a stack over queues of peers.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use aiomsg_core::{Discard, DropReason, Error, Identity, Limits, Outbound};
use futures::FutureExt;
use tower::{Layer, Service};

use crate::by_identity::{ByIdentity, ByIdentityFuture, ByIdentityLayer};
use crate::distribute::{Distribute, Policy};
use crate::peers::Peers;
use crate::queue::Queue;

pub(crate) type Peer = Queue<Outbound>;
pub(crate) type Sending = ByIdentityFuture<std::future::Ready<Result<(), Error>>, Peer>;

/// The dropped messages, and why.
pub(crate) type Lost = Arc<Mutex<Vec<(String, DropReason)>>>;

pub(crate) fn text(message: &Outbound) -> String {
    String::from_utf8_lossy(message.payload()).into_owned()
}

pub(crate) fn taken(queue: &Peer) -> Vec<String> {
    queue.drain().iter().map(text).collect()
}

pub(crate) fn name(name: &str) -> Identity {
    Identity::new(name).unwrap()
}

pub(crate) fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

pub(crate) fn queue(items: usize) -> Peer {
    Queue::new(Limits {
        items,
        bytes: 1 << 20,
    })
}

/// A table whose dropped messages are noted.
pub(crate) fn table() -> (Peers<Peer>, Lost) {
    let lost = Lost::default();
    let seen = Arc::clone(&lost);
    let discard = Discard::new(move |it| {
        seen.lock().unwrap().push((text(&it.message), it.reason));
    });
    (Peers::new(discard), lost)
}

/// By identity, and distribution.
pub(crate) struct Stack<Q> {
    pub(crate) peers: Peers<Peer>,
    pub(crate) service: ByIdentity<Distribute<Peer, Q>, Peer>,
    pub(crate) lost: Lost,
}

impl<Q: Policy<Peer>> Stack<Q> {
    pub(crate) fn new(policy: Q) -> Self {
        Self::with(policy, |layer| layer)
    }

    pub(crate) fn with(
        policy: Q,
        layer: impl FnOnce(ByIdentityLayer<Peer>) -> ByIdentityLayer<Peer>,
    ) -> Self {
        let (peers, lost) = table();
        let distribute = Distribute::new(&peers, policy);
        Self {
            service: layer(ByIdentityLayer::new(&peers)).layer(distribute),
            peers,
            lost,
        }
    }

    pub(crate) fn join(&mut self, identity: &str, items: usize) -> Peer {
        let queue = queue(items);
        self.peers.insert(name(identity), queue.clone());
        let _ = self.is_ready();
        queue
    }

    /// As a session does when its connection ends.
    pub(crate) fn leave(&mut self, identity: &str, queue: &Peer) {
        queue.close();
        self.peers.remove(&name(identity));
        let _ = self.is_ready();
    }

    pub(crate) fn is_ready(&mut self) -> bool {
        self.poll_ready(&mut cx())
    }

    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> bool {
        matches!(self.service.poll_ready(cx), Poll::Ready(Ok(())))
    }

    /// Gives it a message for anyone, ready or not.
    pub(crate) fn call(&mut self, message: impl Into<Outbound>) {
        let sent = self.service.call(message.into()).now_or_never();
        sent.expect("it never waits").unwrap();
    }

    pub(crate) fn send(&mut self, message: impl Into<Outbound>) {
        assert!(self.is_ready());
        self.call(message);
    }

    /// Sends to one peer, which has room or is absent.
    pub(crate) fn send_to(&mut self, peer: &str, payload: &'static str) {
        let sent = self.sending_to(peer, payload).now_or_never();
        sent.expect("it does not wait").unwrap();
    }

    pub(crate) fn sending_to(&mut self, peer: &str, payload: &'static str) -> Sending {
        self.service.call(Outbound::new(payload).to(name(peer)))
    }

    /// How many messages wait to be placed again.
    pub(crate) fn held(&self) -> usize {
        self.service.get_ref().len()
    }
}

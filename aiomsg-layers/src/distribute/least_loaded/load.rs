use std::future::{Ready, ready};
use std::task::{Context, Poll};

use aiomsg_core::Outbound;
use tower::Service;
use tower::load::Load;

use crate::queue::{Closed, Peer};

/// A peer for tower's balancers: a service of messages with a load, which is the amount that
/// [waits](Peer::waiting) for it.
///
/// A balancer alone does not take back the unsent messages of a connection that has ended.
/// Where these must not be lost, use [`LeastLoaded`](super::LeastLoaded) in a
/// [`Distribute`](crate::Distribute).
///
/// ```
/// use std::convert::Infallible;
///
/// use aiomsg_core::{Limits, Outbound};
/// use aiomsg_layers::distribute::Loaded;
/// use aiomsg_layers::queue::Queue;
/// use tower::balance::p2c::Balance;
/// use tower::discover::Change;
/// use tower::{Service, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower::BoxError> {
/// let limits = Limits { items: 100, bytes: 1 << 20 };
/// let (busy, idle) = (Queue::new(limits), Queue::new(limits));
/// busy.push(Outbound::new("a long message that waits already"))?;
///
/// let changes = [("busy", &busy), ("idle", &idle)]
///     .map(|(name, peer)| Ok::<_, Infallible>(Change::Insert(name, Loaded::new(peer.clone()))));
/// let mut balance = Balance::new(futures::stream::iter(changes));
/// balance.ready().await?.call(Outbound::new("hello")).await?;
/// assert_eq!((busy.items(), idle.items()), (1, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Loaded<P> {
    peer: P,
}

impl<P> Loaded<P> {
    /// Measures this peer.
    pub fn new(peer: P) -> Self {
        Self { peer }
    }

    /// The peer inside.
    pub fn get_ref(&self) -> &P {
        &self.peer
    }

    /// Takes the peer out.
    pub fn into_inner(self) -> P {
        self.peer
    }
}

impl<P: Peer> Load for Loaded<P> {
    /// Bytes of payload, and one for each message.
    type Metric = usize;

    fn load(&self) -> usize {
        self.peer.waiting()
    }
}

impl<P: Peer> Service<Outbound> for Loaded<P> {
    type Response = ();
    /// The connection has ended. The error holds the message, if there was one. A balancer boxes
    /// errors, so a downcast finds it there.
    type Error = Closed<Option<Outbound>>;
    type Future = Ready<Result<(), Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let room = self.peer.poll_room(cx);
        room.map_err(|Closed(())| Closed(None))
    }

    fn call(&mut self, message: Outbound) -> Self::Future {
        let pushed = self.peer.push(message);
        ready(pushed.map_err(|Closed(message)| Closed(Some(message))))
    }
}

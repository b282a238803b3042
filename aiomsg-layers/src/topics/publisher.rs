use std::collections::VecDeque;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aiomsg_core::{
    Connection, Error, Frame, FrameSource, FrameVisitor, Identified, Identity, MessageId,
};
use tower::Layer;

use super::table::Shared;
use super::wire::Command;
use super::{ByTopic, TopicLimits};
use crate::acknowledge::Owed;

/// The most acknowledgements that wait to be sent (16 bytes each). Beyond it, a peer that
/// subscribes by requests and takes no acknowledgements is not read.
const MOST_OWED: usize = 1 << 16;

/// The most subscriptions that are handled in one go. They yield nothing to the reader, so a
/// peer that sends nothing else would keep other tasks from their turn.
const ROUND: usize = 256;

/// The subscriptions at a publisher. A handle, cheap to clone.
///
/// See [`TopicsLayer`] for an example.
#[derive(Clone)]
pub struct Topics(Arc<Shared>);

impl Topics {
    /// Without subscriptions.
    pub fn new() -> Self {
        Self::with_limits(TopicLimits::default())
    }

    /// Bounds the subscriptions of each connection.
    pub fn with_limits(limits: TopicLimits) -> Self {
        Self(Arc::new(Shared::new(limits)))
    }

    /// The layer that takes subscriptions out of a connection.
    pub fn layer(&self) -> TopicsLayer {
        TopicsLayer(self.clone())
    }

    /// The policy that sends a message to its subscribers.
    pub fn policy(&self) -> ByTopic {
        ByTopic::new(Arc::clone(&self.0))
    }

    /// Whether a message has subscribers, for one that is expensive to make. The answer may
    /// be out of date a moment later.
    pub fn is_wanted(&self, message: impl AsRef<[u8]>) -> bool {
        let mut found = Vec::new();
        self.0.lock().find(message.as_ref(), &mut found);
        !found.is_empty()
    }

    /// The number of connections with a subscription to the message. A peer that has just
    /// come may have subscriptions that are still on their way.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/topics/wire_in_memory.rs"));
    /// use aiomsg_core::Frame;
    /// use aiomsg_core::connection::{FrameStream, OneByOne};
    /// use aiomsg_layers::topics::Topics;
    /// use futures::{FutureExt, SinkExt, StreamExt};
    /// use tower::Layer;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower::BoxError> {
    /// let topics = Topics::new();
    /// let (ours, mut theirs) = Wire::pair("reader");
    /// let mut connection = FrameStream::new(topics.layer().layer(OneByOne::new(ours)));
    /// theirs.send(Frame::data("\x01weather.")).await?;
    /// theirs.send(Frame::data("\x01weather.rain")).await?;
    /// assert!(connection.next().now_or_never().is_none());
    ///
    /// assert_eq!(topics.subscribers("weather.rain"), 1);
    /// assert_eq!(topics.subscribers("sport.chess"), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn subscribers(&self, message: impl AsRef<[u8]>) -> usize {
        let mut found = Vec::new();
        self.0.lock().find(message.as_ref(), &mut found);
        found.sort_unstable();
        found.dedup();
        found.len()
    }

    #[cfg(test)]
    pub(super) fn shared(&self) -> &Shared {
        &self.0
    }
}

impl Default for Topics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Topics")
    }
}

/// Puts [`TopicsConnection`] around a connection, which has to know its peer.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/topics/wire_in_memory.rs"));
/// use aiomsg_core::connection::{FrameStream, OneByOne};
/// use aiomsg_core::{Discard, Frame, Identity, Limits, Outbound};
/// use aiomsg_layers::Distribute;
/// use aiomsg_layers::peers::Peers;
/// use aiomsg_layers::queue::Queue;
/// use aiomsg_layers::topics::Topics;
/// use futures::{FutureExt, SinkExt, StreamExt};
/// use tower::{Layer, Service, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower::BoxError> {
/// let topics = Topics::new();
/// let peers = Peers::new(Discard::new(|lost| {
///     println!("{:?}: {}", lost.message.payload(), lost.reason);
/// }));
/// let mut distribute = Distribute::new(&peers, topics.policy());
///
/// // A peer: its connection, here in memory, and its queue.
/// let (ours, mut theirs) = Wire::pair("reader");
/// let mut connection = FrameStream::new(topics.layer().layer(OneByOne::new(ours)));
/// let queue = Queue::new(Limits { items: 100, bytes: 1 << 20 });
/// peers.insert(Identity::new("reader")?, queue.clone());
///
/// // It subscribes. That goes no further than the layer.
/// theirs.send(Frame::data("\x01weather.")).await?;
/// theirs.send(Frame::data("hello")).await?;
/// assert_eq!(connection.next().await.unwrap()?, Frame::data("hello"));
/// assert!(topics.is_wanted("weather.rain"));
///
/// distribute.ready().await?.call(Outbound::new("weather.rain")).await?;
/// distribute.ready().await?.call(Outbound::new("sport.chess")).await?;
/// assert_eq!(queue.items(), 1);
///
/// // With the connection its subscriptions are gone.
/// drop(connection);
/// assert!(!topics.is_wanted("weather.rain"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct TopicsLayer(Topics);

impl<C: Identified> Layer<C> for TopicsLayer {
    type Service = TopicsConnection<C>;

    fn layer(&self, inner: C) -> TopicsConnection<C> {
        let shared = Arc::clone(&self.0.0);
        let number = shared.open(inner.identity().clone());
        TopicsConnection {
            inner,
            seat: Seat { shared, number },
            owed: VecDeque::new(),
        }
    }
}

/// A connection whose peer may subscribe to topics. See the [module](super).
///
/// A subscription that comes as a request is acknowledged here, ahead of other
/// frames; all others are left to other layers.
///
/// # Errors
///
/// Receiving fails with [`Error::is_limit`] when the peer subscribes to more
/// than the [limits](TopicLimits) allow.
pub struct TopicsConnection<C> {
    inner: C,
    seat: Seat,
    /// Subscriptions that came as requests and were not yet acknowledged.
    owed: VecDeque<MessageId>,
}

/// The connection in the table. Dropping it leaves.
struct Seat {
    shared: Arc<Shared>,
    number: usize,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.close(self.number);
    }
}

impl<C> TopicsConnection<C> {
    /// The connection inside.
    pub fn get_ref(&self) -> &C {
        &self.inner
    }

    /// The connection inside.
    pub fn get_mut(&mut self) -> &mut C {
        &mut self.inner
    }

    /// The connection inside. Its peer has no subscriptions any more.
    pub fn into_inner(self) -> C {
        self.inner
    }
}

impl<C: Connection> TopicsConnection<C> {
    /// Sends all owed acknowledgements.
    fn poll_pay(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self.owed.is_empty() {
            true => Poll::Ready(Ok(())),
            false => self.inner.poll_send(cx, &mut Owed(&mut self.owed)),
        }
    }
}

impl<C: Connection> Connection for TopicsConnection<C> {
    fn poll_recv<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        if self.owed.len() >= MOST_OWED
            && let Err(error) = ready!(self.poll_pay(cx))
        {
            return Poll::Ready(Some(Err(error)));
        }
        let mut obeying = Obeying {
            seat: &self.seat,
            owed: &mut self.owed,
            obeyed: 0,
            failed: None,
            wanted: ControlFlow::Continue(()),
            visitor,
        };
        let polled = self.inner.poll_recv(cx, &mut obeying);
        if let Some(error) = obeying.failed {
            return Poll::Ready(Some(Err(error)));
        }
        match polled {
            // This layer stopped, not the visitor. Other tasks have their turn.
            Poll::Ready(Some(Ok(()))) if obeying.wanted.is_continue() => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            polled => polled,
        }
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        self.inner.poll_ended(cx)
    }

    fn poll_send<S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        ready!(self.poll_pay(cx))?;
        self.inner.poll_send(cx, source)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_pay(cx))?;
        self.inner.poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_flush(cx))?;
        self.inner.poll_close(cx)
    }
}

/// Takes subscriptions out of the arriving frames.
struct Obeying<'a, V> {
    seat: &'a Seat,
    owed: &'a mut VecDeque<MessageId>,
    obeyed: usize,
    failed: Option<Error>,
    /// The last answer of the visitor.
    wanted: ControlFlow<()>,
    visitor: &'a mut V,
}

impl<V> Obeying<'_, V> {
    /// Applies a subscription. Returns whether it was an ordinary message instead.
    fn obey(&self, payload: &[u8]) -> Result<bool, Error> {
        let Seat { shared, number } = self.seat;
        match Command::parse(payload) {
            None => return Ok(true),
            Some(Command::Subscribe(prefix)) => shared.subscribe(*number, prefix)?,
            Some(Command::Unsubscribe(prefix)) => shared.unsubscribe(*number, prefix),
        }
        Ok(false)
    }
}

impl<V: FrameVisitor> FrameVisitor for Obeying<'_, V> {
    fn visit(&mut self, frame: Frame) -> ControlFlow<()> {
        match frame.payload().map_or(Ok(true), |it| self.obey(it)) {
            Ok(true) => {
                self.wanted = self.visitor.visit(frame);
                return self.wanted;
            }
            Ok(false) => {}
            Err(error) => {
                self.failed = Some(error);
                return ControlFlow::Break(());
            }
        }
        if let Some(id) = frame.request_id() {
            self.owed.push_back(id);
        }
        self.obeyed += 1;
        match self.obeyed < ROUND && self.owed.len() < MOST_OWED {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

impl<C: Identified> Identified for TopicsConnection<C> {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }
}

impl<C: fmt::Debug> fmt::Debug for TopicsConnection<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TopicsConnection")
            .field(&self.inner)
            .finish()
    }
}

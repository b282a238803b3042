use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use aiomsg_core::{
    Connection, Error, Frame, FrameSource, FrameVisitor, Identified, Identity, Target,
};
use bytes::Bytes;
use tower::Layer;

use super::subscriptions::{Tasks, Wanted};
use super::wire::Command;

/// Puts [`SubscribeConnection`] around a connection.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/topics/wire_in_memory.rs"));
/// use aiomsg_core::Frame;
/// use aiomsg_core::connection::{FrameStream, OneByOne};
/// use aiomsg_layers::topics::Subscriptions;
/// use futures::{FutureExt, SinkExt, StreamExt};
/// use tower::Layer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), aiomsg_core::Error> {
/// let subscriptions = Subscriptions::new();
/// subscriptions.subscribe("weather.")?;
///
/// // A connection, here in memory. The list goes ahead of all else.
/// let (ours, mut publisher) = Wire::pair("publisher");
/// let mut connection = FrameStream::new(subscriptions.layer().layer(OneByOne::new(ours)));
/// connection.send(Frame::data("hello")).await?;
/// for expected in ["\x01weather.", "hello"] {
///     let frame = publisher.next().await.unwrap()?;
///     assert_eq!(frame.payload().unwrap(), expected);
/// }
///
/// // A change wakes the reader, and is sent.
/// let reader = tokio::spawn(async move { connection.next().await });
/// tokio::task::yield_now().await;
/// subscriptions.subscribe("sport.")?;
/// let frame = publisher.next().await.unwrap()?;
/// assert_eq!(frame.payload().unwrap(), "\x01sport.");
///
/// publisher.send(Frame::data("sport.chess")).await?;
/// let message = reader.await.unwrap().unwrap()?;
/// assert_eq!(message, Frame::data("sport.chess"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SubscribeLayer(Arc<Wanted>);

impl SubscribeLayer {
    pub(super) fn new(wanted: Arc<Wanted>) -> Self {
        Self(wanted)
    }
}

impl<C> Layer<C> for SubscribeLayer {
    type Service = SubscribeConnection<C>;

    fn layer(&self, inner: C) -> SubscribeConnection<C> {
        let wanted = Arc::clone(&self.0);
        let number = wanted.open();
        SubscribeConnection {
            inner,
            seat: Seat { wanted, number },
            tasks: Tasks::default(),
            version: None,
            told: BTreeSet::new(),
            plan: VecDeque::new(),
            unflushed: false,
        }
    }
}

impl fmt::Debug for SubscribeLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubscribeLayer")
    }
}

/// A connection that sends its peer the list of subscriptions, and every change of it, ahead of
/// other frames. See the [module](super).
///
/// The next poll of the connection sends a change, also one that reads.
pub struct SubscribeConnection<C> {
    inner: C,
    seat: Seat,
    /// Its place in the list.
    tasks: Tasks,
    /// The version of the list that the peer knows once the plan is done.
    version: Option<u64>,
    /// The list that the peer knows.
    told: BTreeSet<Bytes>,
    plan: VecDeque<Command<Bytes>>,
    unflushed: bool,
}

/// The connection in the list. Dropping it leaves.
struct Seat {
    wanted: Arc<Wanted>,
    number: usize,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.wanted.close(self.number);
    }
}

impl<C> SubscribeConnection<C> {
    /// The connection inside.
    pub fn get_ref(&self) -> &C {
        &self.inner
    }

    /// The connection inside.
    pub fn get_mut(&mut self) -> &mut C {
        &mut self.inner
    }

    /// The connection inside. It sends no more changes.
    pub fn into_inner(self) -> C {
        self.inner
    }

    /// Registers this task for changes. Call it before looking at the list.
    fn watch(&mut self, task: fn(&mut Tasks) -> &mut Option<Waker>, cx: &Context<'_>) {
        let known = task(&mut self.tasks);
        if !known
            .as_ref()
            .is_some_and(|known| known.will_wake(cx.waker()))
        {
            *known = Some(cx.waker().clone());
            self.seat.wanted.watch(self.seat.number, &self.tasks);
        }
    }

    /// Whether there are changes to send.
    fn look(&mut self) -> bool {
        let wanted = &self.seat.wanted;
        if self.version != Some(wanted.version()) {
            let (plan, version) = wanted.difference(&self.told);
            self.plan = plan;
            self.version = Some(version);
        }
        !self.plan.is_empty()
    }
}

impl<C: Connection> SubscribeConnection<C> {
    /// Sends all changes.
    fn poll_tell(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while self.look() {
            let mut telling = Telling {
                plan: &mut self.plan,
                told: &mut self.told,
                unflushed: &mut self.unflushed,
            };
            ready!(self.inner.poll_send(cx, &mut telling))?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush_inner(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_tell(cx))?;
        ready!(self.inner.poll_flush(cx))?;
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }

    /// Nothing comes now: sends changes, since the reader polls.
    fn poll_change(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        self.watch(|tasks| &mut tasks.reader, cx);
        if self.look() || self.unflushed {
            let flushed = self.poll_flush_inner(cx);
            // A connection remembers one task that wants to write. That is this one now.
            if let Some(writer) = &self.tasks.writer
                && !writer.will_wake(cx.waker())
            {
                writer.wake_by_ref();
            }
            if let Poll::Ready(Err(error)) = flushed {
                return Poll::Ready(error);
            }
        }
        Poll::Pending
    }
}

impl<C: Connection> Connection for SubscribeConnection<C> {
    #[inline(always)]
    fn poll_recv<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        match self.inner.poll_recv(cx, visitor) {
            Poll::Pending => self.poll_change(cx).map(|error| Some(Err(error))),
            polled => polled,
        }
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        self.inner.poll_ended(cx)
    }

    #[inline(always)]
    fn poll_send<S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        self.watch(|tasks| &mut tasks.writer, cx);
        ready!(self.poll_tell(cx))?;
        self.inner.poll_send(cx, source)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.watch(|tasks| &mut tasks.writer, cx);
        self.poll_flush_inner(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_flush(cx))?;
        self.inner.poll_close(cx)
    }
}

/// The changes to send.
struct Telling<'a> {
    plan: &'a mut VecDeque<Command<Bytes>>,
    told: &'a mut BTreeSet<Bytes>,
    unflushed: &'a mut bool,
}

impl FrameSource for Telling<'_> {
    fn feed<V: FrameVisitor>(&mut self, visitor: &mut V) -> ControlFlow<()> {
        while let Some(command) = self.plan.pop_front() {
            // For this connection only: the next one begins with the whole list.
            let frame = Frame::Data {
                payload: command.payload(),
                target: Target::Connection,
            };
            *self.unflushed = true;
            match command {
                Command::Subscribe(prefix) => self.told.insert(prefix),
                Command::Unsubscribe(prefix) => self.told.remove(&prefix),
            };
            if visitor.visit(frame).is_break() && !self.plan.is_empty() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

impl<C: Identified> Identified for SubscribeConnection<C> {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }
}

impl<C: fmt::Debug> fmt::Debug for SubscribeConnection<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SubscribeConnection")
            .field(&self.inner)
            .finish()
    }
}

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use aiomsg_core::{Connection, Delivery, Error, ErrorKind, Identity, Limits, MessageId};
use tokio::time::Sleep;

use super::finish::Ending;
use super::frames::{Arriving, First, Leaving};
use super::left::Left;
use super::{Intake, Meter};
use crate::acknowledge::MOST_OWED;

/// How many rounds of sending a session makes before it lets other tasks run. When there
/// is more to read, it lets them run at once, so that they take the received messages,
/// and send more, while these are in the processor's cache.
const ROUNDS: usize = 16;

/// The most messages that are read before they are delivered, and others are sent.
pub(super) const READ_BATCH: usize = 1024;

/// The same in bytes of payload; the last message may exceed it.
pub(super) const READ_BATCH_BYTES: usize = 256 << 10;

/// The messages of one connection, in both directions. See the
/// [module](super).
///
/// ```
/// use aiomsg_core::{Identity, Limits, Outbound};
/// use aiomsg_layers::queue::Queue;
/// use aiomsg_layers::session::{Inbox, Session};
/// use aiomsg_layers::{AcknowledgeLayer, HeartbeatLayer};
/// use tower::ServiceBuilder;
///
/// # async fn run(framed: impl aiomsg_core::Connection, link: aiomsg_core::Link, peer: Identity) {
/// let limits = Limits { items: 1000, bytes: 1 << 20 };
/// let (queue, inbox) = (Queue::new(limits), Queue::new(limits));
/// queue.push(Outbound::new("for this peer")).unwrap();
///
/// let connection = ServiceBuilder::new()
///     .layer(HeartbeatLayer::new().link(link.clone()))
///     .layer(AcknowledgeLayer::new())
///     .service(framed);
/// let mut session = Session::new(peer, connection, queue, Inbox::new(inbox)).link(link);
/// let reason = session.run(std::future::pending()).await;
/// println!("the connection ended: {}", reason.chain());
/// # }
/// ```
pub struct Session<C, I> {
    // Dropped before `left`, so that it has put the unsent frames there.
    pub(super) connection: C,
    pub(super) left: Left,
    pub(super) peer: Identity,
    /// Messages and bytes that were given to the connection, and whose room in the queue
    /// is not yet released.
    pub(super) fed: (usize, usize),
    pub(super) intake: I,
    /// Acknowledgements by handlers.
    pub(super) acks: VecDeque<MessageId>,
    /// Whether to send a heartbeat at once.
    pub(super) probe: bool,
    /// Messages read and not yet delivered. Empty between polls.
    pub(super) arrived: VecDeque<Delivery>,
    pub(super) meter: Meter,
    /// The settings for the end of the connection.
    pub(super) ending: Ending,
    /// No messages are sent before this time, unless the peer sends something.
    pub(super) held: Option<Pin<Box<Sleep>>>,
    /// Whether nothing more can be read.
    pub(super) stream: StreamState,
}

/// The state of the incoming bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamState {
    Open,
    /// The peer has ended its direction, between two frames.
    Ended,
    Failed,
}

/// The result of reading once.
pub(super) struct ReadBatch {
    /// How many bytes the messages have, counted with at least one for each.
    pub(super) bytes: usize,
    /// The visitor stopped, not the connection.
    more: bool,
    /// The reason for the end of the connection.
    pub(super) ended: Option<Error>,
}

impl<C: Connection, I: Intake> Session<C, I> {
    /// Runs until the connection ends, and returns the reason. When `finish` is ready, the
    /// session sends its queue, and ends in good order.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing is lost: `run` may be called again. When the
    /// session is dropped, unsent messages are in its queue.
    pub async fn run(&mut self, finish: impl Future<Output = ()>) -> Error {
        let mut finish = pin!(finish);
        let ended = poll_fn(|cx| {
            if let Poll::Ready(error) = self.poll_run(cx) {
                return Poll::Ready(Some(error));
            }
            finish.as_mut().poll(cx).map(|()| None)
        });
        // Boxed: these are large and run once. A session would have room for them all
        // the time.
        let error = match ended.await {
            Some(error) => error,
            None => match Box::pin(self.finish()).await {
                Ok(()) => {
                    return Error::new(ErrorKind::Disconnected).with_reason("this end closed it");
                }
                Err(error) => error,
            },
        };
        // Neither the end of the whole socket nor our impatience makes a message suspect.
        self.left.failed = !error.is_closed() && !error.is_limit();
        Box::pin(self.leave(&error)).await;
        error
    }

    /// Ends the session, and returns the intake, which may still have to work on received
    /// messages.
    pub fn into_intake(self) -> I {
        let Self {
            connection,
            left,
            intake,
            ..
        } = self;
        drop(connection);
        drop(left);
        intake
    }

    //   ┌─▶ read a batch, deliver it ─▶ take a batch, encode it ─▶ flush ─┐
    //   └──────────── as long as there may be more to do ◀────────────────┘
    pub(super) fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        for _ in 0..ROUNDS {
            let more_to_read = match self.poll_receive(cx) {
                Ok(more) => more,
                Err(error) => return Poll::Ready(error),
            };
            let more_to_send = match self.poll_send(cx) {
                Ok(more) => more,
                Err(error) => return Poll::Ready(error),
            };
            match self.connection.poll_flush(cx) {
                Poll::Ready(Ok(())) if self.left.batch.is_empty() => {
                    self.left.handle.set_sending(false);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                _ => {}
            }
            if more_to_read {
                break;
            }
            if !more_to_send && self.left.handle.register(cx) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads while the intake has room. Returns whether there may be more; if not, the
    /// task is woken when there is.
    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        self.intake.poll_work(cx, &mut self.acks)?;
        // A peer that takes no acknowledgements is not read for ever, either.
        let room = match self.intake.poll_ready(cx) {
            Poll::Ready(room) if self.acks.len() < MOST_OWED => room?,
            // Not reading holds the peer back.
            _ => {
                self.left.handle.set_held_back(true);
                self.left.link.set_held_back(true);
                return self.look_ahead(cx);
            }
        };
        self.left.handle.set_held_back(false);
        self.left.link.set_held_back(false);
        let read = self.read_batch(cx, room);
        if !self.arrived.is_empty() {
            self.intake.take(&mut self.arrived)?;
            self.intake.poll_work(cx, &mut self.acks)?;
        }
        match read.ended {
            Some(error) => Err(error),
            None => Ok(read.more),
        }
    }

    /// Looks for the peer's end while there is no room: a peer that has ended, and sent
    /// nothing more, waits for us.
    fn look_ahead(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        if !self.intake.is_idle() {
            // The session goes on, and its acknowledgements must reach the peer.
            return Ok(false);
        }
        match self.connection.poll_ended(cx) {
            Poll::Pending => Ok(false),
            Poll::Ready(None) => Err(self.note_end()),
            Poll::Ready(Some(error)) => {
                // The bytes behind a wrong frame can still be read.
                if !is_wrong(&error) {
                    self.stream = StreamState::Failed;
                }
                Err(error)
            }
        }
    }

    fn note_end(&mut self) -> Error {
        self.stream = StreamState::Ended;
        Error::new(ErrorKind::Disconnected).with_reason("the peer closed the connection")
    }

    /// Reads a batch, as far as it has arrived.
    pub(super) fn read_batch(&mut self, cx: &mut Context<'_>, room: Limits) -> ReadBatch {
        let mut arriving = Arriving {
            peer: &self.peer,
            messages: &mut self.arrived,
            bytes: 0,
            most: Limits {
                items: room.items.min(READ_BATCH),
                bytes: room.bytes.min(READ_BATCH_BYTES),
            },
        };
        let read = match arriving.has_room() {
            true => self.connection.poll_recv(cx, &mut arriving),
            false => Poll::Pending,
        };
        let bytes = arriving.bytes;
        if !self.arrived.is_empty() {
            self.meter.received(self.arrived.len(), bytes);
        }
        let (more, ended) = match read {
            Poll::Pending => (false, None),
            Poll::Ready(Some(Ok(()))) => (true, None),
            Poll::Ready(Some(Err(error))) => {
                if !is_wrong(&error) {
                    self.stream = StreamState::Failed;
                }
                (false, Some(error))
            }
            Poll::Ready(None) => (false, Some(self.note_end())),
        };
        ReadBatch {
            bytes: bytes + self.arrived.len(),
            more,
            ended,
        }
    }

    /// Gives the connection a batch from the queue, as far as it takes it, and takes the
    /// next batch. Returns whether there is one; if not, the task is woken when there is,
    /// or when the connection takes more.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        if self.poll_send_first(cx)?.is_pending() || self.is_held(cx) {
            return Ok(false);
        }
        if self.left.batch.is_empty() && !self.take_batch(cx)? {
            return Ok(false);
        }
        if self.left.alone.is_some() || self.is_next_suspect() {
            return self.poll_send_alone(cx);
        }
        let mut leaving = Leaving {
            messages: &mut self.left.batch,
            taken: &mut self.fed,
            unconfirmed: &mut self.left.unconfirmed,
        };
        if let Poll::Ready(sent) = self.connection.poll_send(cx, &mut leaving) {
            sent?;
        }
        self.release();
        if self.left.batch.is_empty() {
            return self.take_batch(cx);
        }
        if self.is_next_suspect() {
            return Ok(true);
        }
        self.poll_stuck(cx)
    }

    /// The connection takes no more now.
    pub(super) fn poll_stuck(&self, cx: &mut Context<'_>) -> Result<bool, Error> {
        // The peer takes nothing now, so an overflow rule may disconnect it.
        match self.left.queue.poll_cut(cx) {
            Poll::Ready(()) => Err(too_slow()),
            Poll::Pending => Ok(false),
        }
    }

    /// Gives the connection acknowledgements and probes, ahead of messages.
    pub(super) fn poll_send_first(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.probe |= self.left.handle.take(&mut self.acks).probe;
        let mut first = First {
            probe: &mut self.probe,
            acks: &mut self.acks,
        };
        if first.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let polled = self.connection.poll_send(cx, &mut first);
        if polled.is_pending() {
            // Bytes that wait already do the work of a probe.
            self.probe = false;
        }
        polled
    }

    /// Whether messages must not be sent now. If so, the task is woken when they may.
    fn is_held(&mut self, cx: &mut Context<'_>) -> bool {
        if self.left.link.read() > 0 {
            self.held = None;
            return false;
        }
        if let Some(held) = &mut self.held {
            if held.as_mut().poll(cx).is_pending() {
                return true;
            }
            self.held = None;
        }
        self.left.handle.is_held()
    }

    /// Takes the queue. Returns whether there was anything; if not, the task is woken
    /// when there is.
    fn take_batch(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        match self.left.queue.poll_take(cx, &mut self.left.batch) {
            Poll::Ready(true) => {
                // They still count in the queue, so they are seen in one place at least.
                self.left.handle.set_sending(true);
                Ok(true)
            }
            Poll::Ready(false) if self.left.queue.poll_cut(cx).is_ready() => Err(too_slow()),
            _ => Ok(false),
        }
    }

    pub(super) fn has_sent(&self) -> bool {
        self.meter.sent_messages() > 0
    }

    pub(super) fn release(&mut self) {
        let (messages, bytes) = std::mem::take(&mut self.fed);
        if messages > 0 {
            self.meter.sent(messages, bytes);
            self.left.queue.release(messages, bytes);
        }
        if self.left.link.has_refused() {
            self.left.drop_refused();
        }
    }
}

impl<C, I> fmt::Debug for Session<C, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

fn too_slow() -> Error {
    Error::new(ErrorKind::Limit).with_reason(
        "the peer takes messages too slowly: its queue is full, and the settings say to end it then",
    )
}

/// Whether the error is about a frame of the peer. The bytes behind that can be read.
pub(super) fn is_wrong(error: &Error) -> bool {
    error.is_too_large() || error.is_protocol()
}

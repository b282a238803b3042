//! One connection, from its admission to its end.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use aiomsg_core::codec::FrameCodec;
use aiomsg_core::queue::{Limits, Queue, Weight};
use aiomsg_core::{
    Connection, Delivery, DropReason, Endpoint, Error, ErrorKind, Frame, Identity, MessageId,
    Outbound,
};
use aiomsg_layers::{AcknowledgeLayer, HeartbeatLayer};
use aiomsg_transport::Io;
use aiomsg_transport::framed::Framed;
use aiomsg_transport::handshake::Established;
use tokio::time::timeout;
use tower::Layer;
use tower::layer::util::Stack;

use super::Engine;
use super::intake::{Direct, Intake};
use super::peers::{Member, PeerInfo};
use super::stats::Counters;

/// How often a session goes round before it lets other tasks run.
const ROUNDS: usize = 16;

/// The most messages that are read before they are delivered and others are
/// sent.
const READ_BATCH: usize = 1024;

/// The same in bytes of payload; the last message may exceed it.
const READ_BATCH_BYTES: usize = 256 << 10;

/// How long an ended session waits for more, after it has sent everything and
/// said so. What the peer had sent by then is read to its end, whether or not
/// the inbox has room: it would be lost otherwise, and a connection that is
/// closed with unread bytes in it is reset by the system, which can take from
/// the peer what it has not read yet.
const LINGER: Duration = Duration::from_millis(200);

/// As much is read then, at most. The system holds less for one connection.
const LINGER_BYTES: usize = 32 << 20;

/// Puts a user's layers around a connection.
pub(crate) type Wrap = Arc<dyn Fn(Framed<Io>) -> Box<dyn Connection> + Send + Sync>;

/// A connection that was admitted, ready to run.
pub(crate) struct Session {
    member: Arc<Member>,
    framed: Framed<Io>,
}

/// Admits a connection after its handshake.
pub(crate) async fn admit(
    engine: &Engine,
    io: Io,
    established: Established,
    endpoint: Endpoint,
    dialled: bool,
) -> Result<Session, Error> {
    let Established {
        dialect,
        peer,
        received,
        ..
    } = established;
    let info = PeerInfo {
        identity: peer,
        endpoint: endpoint.clone(),
        remote: io.info().remote.clone(),
        dialect,
        tls: io.info().tls.clone(),
        dialled,
    };
    let codec = FrameCodec::new(dialect).max_message(engine.config.max_message);
    let tls = io.info().tls.is_some();
    let framed = Framed::with_received(io, codec, received).buffered_below(tls);
    let queue = Queue::new(engine.config.peer_limits);
    let member = Arc::new(Member::new(info, framed.link(), queue));
    engine
        .peers
        .admit(&member, engine.config.probe_timeout)
        .await
        .map_err(|error| error.at(endpoint))?;
    Ok(Session { member, framed })
}

impl Session {
    /// Runs the connection until it ends. `finish` asks it to send what is
    /// queued and end.
    pub(crate) async fn run(self, engine: &Engine, finish: impl Future<Output = ()>) {
        let Self { member, framed } = self;
        let mut cleanup = Cleanup {
            engine,
            member: Arc::clone(&member),
            batch: VecDeque::new(),
            reason: None,
        };
        engine.reporter.peer_up(&member.info);

        let mut acknowledge = AcknowledgeLayer::new();
        if let Some(unacked) = &engine.unacked {
            acknowledge = acknowledge.unacked(unacked.clone());
        }
        let mut intake: Box<dyn Intake> = match &engine.intake {
            None => Box::new(Direct(engine.inbox.clone())),
            Some(make) => {
                // What was read is not yet accepted: the layers decide.
                acknowledge = acknowledge.deferred();
                make()
            }
        };
        let heartbeat = HeartbeatLayer::new()
            .interval(engine.config.heartbeat_interval)
            .timeout(engine.config.heartbeat_timeout)
            .link(member.link.clone());
        let layers = heartbeat_and_acknowledge(&heartbeat, &acknowledge);
        let batch = &mut cleanup.batch;
        let reason = match &engine.wrap {
            None => {
                let connection = layers.layer(framed);
                run(connection, engine, &member, batch, &mut *intake, finish).await
            }
            Some(wrap) => {
                let connection = layers.layer(wrap(framed));
                run(connection, engine, &member, batch, &mut *intake, finish).await
            }
        };
        cleanup.reason = Some(reason);
        // What was read is dealt with after the connection has ended, too. What
        // went straight into the inbox needs no task for that.
        if engine.intake.is_some() {
            engine.spawn(async move {
                let _ = poll_fn(|cx| intake.poll_rest(cx)).await;
            });
        }
    }
}

/// The standard layers of a connection, the outermost first.
fn heartbeat_and_acknowledge<'a>(
    heartbeat: &'a HeartbeatLayer,
    acknowledge: &'a AcknowledgeLayer,
) -> Stack<&'a AcknowledgeLayer, &'a HeartbeatLayer> {
    Stack::new(acknowledge, heartbeat)
}

/// Runs a connection with all its layers. It is dropped before this returns, so
/// that it has left what was not sent.
async fn run<C: Connection>(
    connection: C,
    engine: &Engine,
    member: &Member,
    batch: &mut VecDeque<Outbound>,
    intake: &mut dyn Intake,
    finish: impl Future<Output = ()>,
) -> Error {
    let mut traffic = Traffic {
        connection,
        member,
        queue: &member.queue,
        batch,
        fed: (0, 0),
        intake,
        arrived: VecDeque::new(),
        acks: VecDeque::new(),
        counters: engine.reporter.counters(),
    };
    run_until_asked(&mut traffic, engine, member, finish).await
}

async fn run_until_asked<C: Connection>(
    traffic: &mut Traffic<'_, C>,
    engine: &Engine,
    member: &Member,
    finish: impl Future<Output = ()>,
) -> Error {
    let mut finish = pin!(finish);
    loop {
        tokio::select! {
            biased;
            () = member.evict.cancelled() => {
                return Error::new(ErrorKind::Disconnected)
                    .with_reason("another connection of the same peer took its place");
            }
            error = traffic.run() => return error,
            () = member.probe.notified() => {
                if let Err(error) = traffic.probe().await {
                    return error;
                }
            }
            () = &mut finish => {
                return match traffic.finish().await {
                    Ok(()) => Error::new(ErrorKind::Disconnected).with_reason("this end closed it"),
                    Err(error) => error,
                };
            }
            () = engine.stop.cancelled() => return Error::new(ErrorKind::Closed),
        }
    }
}

/// What must happen when a session ends, in whatever way: also when its task
/// is dropped in the middle.
struct Cleanup<'a> {
    engine: &'a Engine,
    member: Arc<Member>,
    batch: VecDeque<Outbound>,
    reason: Option<Error>,
}

impl Drop for Cleanup<'_> {
    fn drop(&mut self) {
        let member = &self.member;
        // Requests are not among these: at-least-once sends them again.
        let unsent = member.link.take_unsent();
        let unsent = unsent.into_iter().filter_map(|frame| match frame {
            Frame::Data { payload, target } => Some(Outbound::new(payload).with_target(target)),
            _ => None,
        });
        let unsent: VecDeque<_> = unsent.chain(self.batch.drain(..)).collect();
        for frame in member.link.take_unconfirmed() {
            if let Frame::Data { payload, target } = frame {
                let message = Outbound::new(payload).with_target(target);
                self.engine.reporter.lost(message, DropReason::Unconfirmed);
            }
        }
        member.queue.close_with(unsent.into_iter());
        self.engine.peers.remove(member);
        let reason = self
            .reason
            .take()
            .unwrap_or_else(|| ErrorKind::Closed.into());
        let reason = reason
            .with_peer(member.info.identity.clone())
            .at(member.info.endpoint.clone());
        self.engine.reporter.peer_down(member.info.clone(), reason);
    }
}

/// The messages of one connection, in both directions.
struct Traffic<'a, C> {
    connection: C,
    member: &'a Member,
    queue: &'a Queue<Outbound>,
    /// Messages taken from the queue and not yet given to the connection.
    batch: &'a mut VecDeque<Outbound>,
    /// Messages and bytes given to the connection, whose room in the queue is
    /// not yet released.
    fed: (usize, usize),
    intake: &'a mut dyn Intake,
    /// Acknowledgements that the intake asks for.
    acks: VecDeque<MessageId>,
    /// Messages read and not yet delivered. Empty between polls.
    arrived: VecDeque<Delivery>,
    counters: &'a Counters,
}

impl<C: Connection> Traffic<'_, C> {
    /// Runs until the connection ends, and says why it did.
    async fn run(&mut self) -> Error {
        poll_fn(|cx| self.poll_run(cx)).await
    }

    //   ┌─▶ read a batch, deliver it ─▶ take a batch, encode it ─▶ flush ─┐
    //   └─────────────── as long as there was something to do ◀───────────┘
    fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        for _ in 0..ROUNDS {
            let read = match self.poll_receive(cx) {
                Ok(read) => read,
                Err(error) => return Poll::Ready(error),
            };
            let sent = match self.poll_send(cx) {
                Ok(sent) => sent,
                Err(error) => return Poll::Ready(error),
            };
            if let Poll::Ready(Err(error)) = Pin::new(&mut self.connection).poll_flush(cx) {
                return Poll::Ready(error);
            }
            if !read && !sent {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads while the intake has room. Says whether anything came.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        self.intake.poll_work(cx, &mut self.acks)?;
        let room = match self.intake.poll_ready(cx) {
            Poll::Ready(room) => room?,
            // Not reading holds the peer back.
            Poll::Pending => {
                self.member.held_back.store(true, Relaxed);
                return Ok(false);
            }
        };
        self.member.held_back.store(false, Relaxed);
        let (_, ended) = self.read_batch(cx, room);
        let any = !self.arrived.is_empty();
        if any {
            self.intake.take(&mut self.arrived)?;
            self.intake.poll_work(cx, &mut self.acks)?;
        }
        ended.map_or(Ok(any), Err)
    }

    /// Reads a batch, as far as it is there. Says how many bytes it has, at
    /// least one for each message, and whether the connection has ended.
    fn read_batch(&mut self, cx: &mut Context<'_>, room: Limits) -> (usize, Option<Error>) {
        let most = room.items.min(READ_BATCH);
        let most_bytes = room.bytes.min(READ_BATCH_BYTES);
        let mut bytes = 0;
        let ended = loop {
            if self.arrived.len() >= most || bytes >= most_bytes {
                break None;
            }
            match Pin::new(&mut self.connection).poll_next(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Some(message) = delivery(&self.member.info.identity, frame) {
                        bytes += message.weight();
                        self.arrived.push_back(message);
                    }
                }
                Poll::Ready(Some(Err(error))) => break Some(error),
                Poll::Ready(None) => {
                    break Some(
                        Error::new(ErrorKind::Disconnected)
                            .with_reason("the peer closed the connection"),
                    );
                }
                Poll::Pending => break None,
            }
        };
        Counters::add(&self.counters.received_messages, self.arrived.len());
        Counters::add(&self.counters.received_bytes, bytes);
        (bytes + self.arrived.len(), ended)
    }

    /// Gives the connection what is queued, as far as it takes it. Says
    /// whether it took anything.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        // Acknowledgements go first.
        while let Some(&id) = self.acks.front() {
            match Pin::new(&mut self.connection).poll_ready(cx) {
                Poll::Ready(result) => result?,
                Poll::Pending => return Ok(false),
            }
            Pin::new(&mut self.connection).start_send(Frame::ack(id))?;
            self.acks.pop_front();
        }
        if self.batch.is_empty() {
            self.release();
            if self.queue.poll_take(cx, self.batch) != Poll::Ready(true) {
                return Ok(false);
            }
        }
        let mut any = false;
        while !self.batch.is_empty() {
            match Pin::new(&mut self.connection).poll_ready(cx) {
                Poll::Ready(result) => result?,
                Poll::Pending => break,
            }
            let Some(message) = self.batch.pop_front() else {
                break;
            };
            self.fed.0 += 1;
            self.fed.1 += message.weight();
            Pin::new(&mut self.connection).start_send(message.into())?;
            any = true;
        }
        self.release();
        Ok(any)
    }

    fn release(&mut self) {
        let (messages, bytes) = std::mem::take(&mut self.fed);
        if messages > 0 {
            Counters::add(&self.counters.sent_messages, messages);
            Counters::add(&self.counters.sent_bytes, bytes);
            self.queue.release(messages, bytes);
        }
    }

    /// Sends a heartbeat now.
    async fn probe(&mut self) -> Result<(), Error> {
        let mut heartbeat = Some(Frame::Heartbeat);
        poll_fn(|cx| {
            if let Poll::Ready(result) = Pin::new(&mut self.connection).poll_ready(cx) {
                result?;
                if let Some(heartbeat) = heartbeat.take() {
                    Pin::new(&mut self.connection).start_send(heartbeat)?;
                }
            }
            // If it cannot be sent now, then bytes wait already, and do as
            // well.
            match Pin::new(&mut self.connection).poll_flush(cx) {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                _ => Poll::Ready(Ok(())),
            }
        })
        .await
    }

    /// Sends what is queued and ends the connection in good order.
    async fn finish(&mut self) -> Result<(), Error> {
        self.queue.close();
        poll_fn(|cx| {
            if let Poll::Ready(error) = self.poll_run(cx) {
                return Poll::Ready(Err(error));
            }
            let sent = self.batch.is_empty() && self.queue.is_empty();
            if sent && Pin::new(&mut self.connection).poll_flush(cx)?.is_ready() {
                return Poll::Ready(Ok(()));
            }
            Poll::Pending
        })
        .await?;
        poll_fn(|cx| Pin::new(&mut self.connection).poll_close(cx)).await?;
        // A peer with 2019's manners does not close its end: then the silence
        // is waited for, and no longer.
        let mut bytes = 0;
        while bytes < LINGER_BYTES
            && let Ok(Ok(more)) = timeout(LINGER, poll_fn(|cx| self.poll_rest(cx))).await
        {
            bytes += more;
        }
        Ok(())
    }

    /// Reads what the peer had sent, room or not. Says how many bytes.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Error>> {
        self.intake.poll_work(cx, &mut self.acks)?;
        let any = Limits {
            items: READ_BATCH,
            bytes: READ_BATCH_BYTES,
        };
        match self.read_batch(cx, any) {
            (0, None) => Poll::Pending,
            (0, Some(error)) => Poll::Ready(Err(error)),
            (bytes, _) => {
                self.intake.take(&mut self.arrived)?;
                Poll::Ready(Ok(bytes))
            }
        }
    }
}

fn delivery(peer: &Identity, frame: Frame) -> Option<Delivery> {
    match frame {
        Frame::Data { payload, .. } => Some(Delivery::new(peer.clone(), payload)),
        Frame::Request { id, payload } => Some(Delivery::new(peer.clone(), payload).with_id(id)),
        _ => None,
    }
}

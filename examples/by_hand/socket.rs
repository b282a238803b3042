//! The standard socket, put together by hand.
//!
//! [`aiomsg::Socket`] is made of these pieces in this order, and so is the one here. Copy the
//! file, and change it. It needs the three crates below the socket, and tower.
//!
//! ```text
//!  send ─▶ AtLeastOnce ─▶ ByIdentity ─▶ Buffer ─▶ Distribute
//!                              │                      │
//!                              └─ a Queue for each peer ─┘ ───────────┐
//!                                      ▲                              │
//!                                      │ Peers: they come and go      ▼
//!  recv ◀─ Queue: the inbox ◀─ a Session for each peer: Heartbeat( Acknowledge( Framed ))
//!                                      ▲
//!  dial:    Reconnect( admit( Timeout( shake hands( Connector ))))
//!  accept:  admit( ConcurrencyLimit( Timeout( shake hands( Acceptor ))))
//! ```
//!
//! The names in the lines of `dial` and `accept` are layers, and tower's own fit there
//! unchanged. Layers around messages go between those of the send path, or around the
//! `Inbox` (with a `ServiceIntake`, if they have to wait). Layers around frames go between
//! those of a session.
//!
//! The standard socket also has: events, counters, settings, TLS (in the `Connector`, the
//! `Listener` and `Framed`), `disconnect` and `unbind`. Its senders wait for room in the order
//! in which they came. With too many handshakes it ends the oldest one, where here the newer
//! ones wait.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use aiomsg_core::{
    BoxError, Delivery, Discard, Endpoint, Error, ErrorKind, Identity, Limits, Outbound,
};
use aiomsg_layers::admission::{Admission, Admitted, Member};
use aiomsg_layers::at_least_once::Unacked;
use aiomsg_layers::distribute::{AnyPolicy, Publish, RoundRobin};
use aiomsg_layers::peers::Peers;
use aiomsg_layers::queue::Queue;
use aiomsg_layers::session::{Inbox, Session};
use aiomsg_layers::{
    AcknowledgeLayer, AtLeastOnce, AtLeastOnceLayer, Buffer, BufferLayer, ByIdentity,
    ByIdentityLayer, Distribute, Driven, HeartbeatLayer, ReconnectLayer,
};
use aiomsg_transport::codec::{DEFAULT_MAX_MESSAGE, FrameCodec};
use aiomsg_transport::framed::Framed;
use aiomsg_transport::handshake::{Established, Handshake};
use aiomsg_transport::listen::is_transient;
use aiomsg_transport::{Acceptor, Connector, Io, ListenOptions, Listener};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tower::util::Either;
use tower::{Service, ServiceBuilder, ServiceExt};

/// What may wait to be received; beyond it, connections are not read.
const INBOX: Limits = Limits {
    items: 65_536,
    bytes: 64 << 20,
};

/// What may wait for one peer; beyond it, `send` waits.
const QUEUE: Limits = Limits {
    items: 8192,
    bytes: 1 << 20,
};

/// How long connecting and the handshake may take together.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How many handshakes may be under way. Beyond it nobody is accepted.
const HANDSHAKES: usize = 1024;

/// Who gets a message, and how surely. There is no at-least-once for publish:
/// nobody knows how many acknowledgements a published message should get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    RoundRobin,
    RoundRobinAtLeastOnce,
    Publish,
}

type Peer = Queue<Outbound>;

/// A stack with a fixed policy has `RoundRobin` or `Publish` for `AnyPolicy`.
type Core = ByIdentity<Buffer<Distribute<Peer, AnyPolicy<Peer>>>, Peer>;

/// With at-least-once, or without. All of it is behind one lock.
type SendPath = Driven<Either<AtLeastOnce<Core>, Core>>;

/// What is sent again does not pass at-least-once a second time.
fn core(stack: &mut Either<AtLeastOnce<Core>, Core>) -> &mut Core {
    match stack {
        Either::Left(at_least_once) => at_least_once.get_mut(),
        Either::Right(core) => core,
    }
}

/// When it is dropped, all its tasks end.
pub(crate) struct Socket {
    parts: Arc<Parts>,
    _stop: DropGuard,
}

/// What the tasks share. They hold this and not the socket, which could never
/// be dropped otherwise.
struct Parts {
    handshake: Handshake,
    peers: Admission<()>,
    inbox: Queue<Delivery>,
    send: SendPath,
    unacked: Option<Unacked>,
    discard: Discard,
    /// Sessions send what is queued, and end; no more dialling and accepting.
    finish: CancellationToken,
    /// Everything ends now.
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Socket {
    /// Dropped messages go to `lost`.
    pub(crate) fn new(identity: Identity, mode: Mode, lost: Discard) -> Self {
        let policy = match mode {
            Mode::Publish => AnyPolicy::Publish(Publish::new()),
            _ => AnyPolicy::RoundRobin(RoundRobin::new()),
        };
        let at_least_once =
            (mode == Mode::RoundRobinAtLeastOnce).then(|| AtLeastOnceLayer::new(lost.clone()));
        let unacked = at_least_once.as_ref().map(AtLeastOnceLayer::unacked);

        // What the layers further in drop is not to be sent again, either.
        let discard = match &at_least_once {
            Some(layer) => layer.discard(),
            None => lost,
        };

        // Admission tells the send path who comes and goes.
        let peers = Peers::new(discard.clone());
        let distribute = Distribute::new(&peers, policy);
        let by_identity = ServiceBuilder::new()
            .layer(ByIdentityLayer::new(&peers))
            .layer(BufferLayer::new(BufferLayer::LIMITS).while_nobody(distribute.reach()))
            .service(distribute);
        let expiry = by_identity.expiry();
        let stack = ServiceBuilder::new()
            .option_layer(at_least_once.clone())
            .service(by_identity);
        let (send, driver) = Driven::new(stack);

        let stop = CancellationToken::new();
        let parts = Arc::new(Parts {
            handshake: Handshake::new(identity.clone()),
            peers: Admission::new(identity, peers),
            inbox: Queue::new(INBOX),
            send: send.clone(),
            unacked,
            discard,
            finish: CancellationToken::new(),
            stop: stop.clone(),
            tasks: TaskTracker::new(),
        });
        // There is work to do that no sender waits for.
        parts.spawn(driver.run());
        parts.spawn(expiry.run());
        if let Some(layer) = at_least_once {
            let resender = layer.resender(send.at(core));
            parts.spawn(async move {
                // It fails when the stack is closed, and so is the socket.
                let _ = resender.run().await;
            });
        }
        Self {
            parts,
            _stop: stop.drop_guard(),
        }
    }

    /// Connects, and connects again whenever the connection has ended.
    pub(crate) fn connect(&self, endpoint: Endpoint) {
        let handshake = self.parts.handshake.clone();
        let shake_hands = move |mut io: Io| async move {
            let established = handshake.connect(&mut io).await?;
            io.check_identity(&established.peer)?;
            Ok::<_, Error>((io, established))
        };
        let parts = Arc::clone(&self.parts);
        let admit =
            move |(io, established)| async move { parts.admit(io, established, true).await };
        // Admission is below `Reconnect`, since who is refused may try again
        // later, and not below the timeout, since it may have to wait for a
        // dead connection to be found dead.
        let mut dial = ServiceBuilder::new()
            .layer(ReconnectLayer::new())
            .and_then(admit)
            .timeout(HANDSHAKE)
            .and_then(shake_hands)
            .service(Connector::new());
        let parts = Arc::clone(&self.parts);
        self.parts.spawn(async move {
            let finish = &parts.finish;
            while let Some(Ok((admitted, framed))) = finish
                .run_until_cancelled(dial.call(endpoint.clone()))
                .await
            {
                parts.run(admitted, framed).await;
            }
        });
    }

    /// Listens, and says where, in case the port was 0.
    pub(crate) async fn bind(&self, endpoint: &Endpoint) -> Result<Endpoint, Error> {
        let mut listener = Listener::bind(endpoint, &ListenOptions::new()).await?;
        let endpoint = listener.local_endpoint();

        let handshake = self.parts.handshake.clone();
        let shake_hands = move |mut io: Io| async move {
            let established = handshake.accept(&mut io).await?;
            io.check_identity(&established.peer)?;
            Ok::<_, Error>((io, established))
        };
        let parts = Arc::clone(&self.parts);
        let admit =
            move |(io, established)| async move { parts.admit(io, established, false).await };
        let mut accept = ServiceBuilder::new()
            .and_then(admit)
            .concurrency_limit(HANDSHAKES)
            .timeout(HANDSHAKE)
            .and_then(shake_hands)
            .service(Acceptor::new());
        let parts = Arc::clone(&self.parts);
        let accepting = async move {
            // Ready first, as there may be too many handshakes under way: then
            // peers wait in the backlog of the system.
            while let Ok(accept) = accept.ready().await {
                match listener.accept().await {
                    Ok(incoming) => {
                        let (accepted, task_parts) = (accept.call(incoming), Arc::clone(&parts));
                        // An error concerns this peer only, which has been
                        // hung up on by now.
                        parts.spawn(async move {
                            if let Ok((admitted, framed)) = accepted.await {
                                task_parts.run(admitted, framed).await;
                            }
                        });
                    }
                    Err(error) if is_transient(&error) => {}
                    // No file descriptors left, as a rule.
                    Err(_) => sleep(Duration::from_millis(500)).await,
                }
            }
        };
        let finish = self.parts.finish.clone();
        self.parts.spawn(async move {
            finish.run_until_cancelled(accepting).await;
        });
        Ok(endpoint)
    }

    /// Returns when the message is in the queue of a peer, or in the buffer.
    /// The error hands the message back.
    pub(crate) async fn send(&self, message: Outbound) -> Result<(), Error> {
        if message.payload().len() > DEFAULT_MAX_MESSAGE {
            return Err(Error::new(ErrorKind::TooLarge).with_message(message));
        }
        let mut send = self.parts.send.clone();
        match send.ready().await {
            Ok(send) => send.call(message).await,
            Err(error) => Err(error.with_message(message)),
        }
    }

    pub(crate) async fn recv(&self) -> Result<Delivery, Error> {
        let message = poll_fn(|cx| self.parts.inbox.poll_pop(cx)).await;
        message.ok_or_else(|| ErrorKind::Closed.into())
    }

    /// How many messages wait because nobody is connected.
    pub(crate) fn buffered(&self) -> usize {
        let buffered = self.parts.send.with(|stack, _| core(stack).get_ref().len());
        buffered.unwrap_or(0)
    }

    /// Waits until the number of peers is as it should be.
    pub(crate) async fn wait_for_peers(&self, enough: impl FnMut(&usize) -> bool) {
        let _ = self.parts.peers.count().wait_for(enough).await;
    }

    /// Sends what waits for those who are connected, and ends. Returns what was
    /// not sent or, under at-least-once, not acknowledged.
    pub(crate) async fn close(&self, deadline: Duration) -> Vec<Outbound> {
        let (parts, deadline) = (&*self.parts, Instant::now() + deadline);
        parts.peers.close();
        let _ = timeout_at(deadline, parts.drained()).await;
        // Taken before the connections end, or what they had sent would be
        // queued once more, for nobody. All that is in the stack is here too.
        let unacknowledged = parts.unacked.as_ref().map(Unacked::close);
        parts.finish.cancel();
        let _ = timeout_at(deadline, self.wait_for_peers(|peers| *peers == 0)).await;
        parts.stop.cancel();
        parts.tasks.close();
        parts.tasks.wait().await;
        parts.inbox.close();
        let unsent = parts.send.close(|stack| {
            let core = core(stack);
            let mail = core.close();
            let mut unsent = core.get_mut().get_mut().drain();
            unsent.extend(mail);
            unsent.extend(core.get_mut().drain());
            unsent
        });
        match unacknowledged {
            Some(messages) => messages.into_iter().map(|it| it.message).collect(),
            None => unsent,
        }
    }
}

impl Parts {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            stop.run_until_cancelled(task).await;
        });
    }

    /// Lets a peer in under its identity. From here on the send path knows its
    /// queue.
    async fn admit(
        &self,
        io: Io,
        established: Established,
        dialled: bool,
    ) -> Result<(Admitted<()>, Framed<Io>), BoxError> {
        let Established {
            dialect,
            peer,
            received,
            ..
        } = established;
        let queue = io.info().send_queue.clone();
        let framed =
            Framed::with_received(io, FrameCodec::new(dialect), received).send_queue(queue);
        let member = Member::new(peer, dialled, Queue::new(QUEUE), framed.link(), ())
            // The handshake is done. A socket asks half-way through it.
            .told(true);
        Ok((self.peers.admit(member).await?, framed))
    }

    /// Whether no message waits, but for peers that are absent.
    fn is_drained(&self) -> bool {
        let drained = self.send.with(|stack, cx| {
            let core = core(stack);
            // What connections that ended had not sent shows up here.
            let _ = core.poll_ready(cx);
            let buffer = core.get_ref();
            buffer.is_empty() && !buffer.get_ref().has_backlog() && !core.has_backlog()
        });
        drained.unwrap_or(false)
    }

    /// Runs a connection until it ends.
    async fn run(&self, admitted: Admitted<()>, framed: Framed<Io>) {
        let mut acknowledge = AcknowledgeLayer::new();
        if let Some(unacked) = &self.unacked {
            acknowledge = acknowledge.unacked(unacked.clone());
        }
        let connection = ServiceBuilder::new()
            .layer(HeartbeatLayer::new().link(admitted.link().clone()))
            .layer(acknowledge)
            .service(framed);
        let inbox = Inbox::new(self.inbox.clone());
        let mut session = Session::of(&admitted, connection, inbox).discard(self.discard.clone());
        tokio::select! {
            biased;
            // Another connection of the peer takes its place.
            () = admitted.evicted() => {}
            _reason = session.run(self.finish.cancelled()) => {}
        }
        // In this order, which is also that in which they go if the task ends
        // in the middle: the session puts back into the queue what it has not
        // sent, and then the send path is told to take the queue out.
        drop(session);
        drop(admitted);
    }

    /// Returns when all has left, and been acknowledged, that can.
    async fn drained(&self) {
        let awaits = |unacked: &Unacked| unacked.is_awaiting() || !self.peers.have_sent_all();
        // Sessions send what is in their queues before they end, so that is
        // waited for only if it is to be acknowledged.
        while !self.peers.is_empty()
            && (!self.is_drained() || self.unacked.as_ref().is_some_and(awaits))
        {
            sleep(Duration::from_millis(5)).await;
        }
    }
}

//! The engine of a socket: sessions, dialling, accepting.
//!
//! ```text
//!  Socket ──▶ stack of the send path ──────────────▶ queue of a peer ─┐
//!    ▲                                     ▲                         │
//!    │                                     │ peers come and go       ▼
//!  inbox ◀──────────────── session task: Heartbeat(Acknowledge(Framed))
//!                                          ▲
//!                        dial task, accept task: handshake, admission
//! ```

pub(crate) mod accept;
pub(crate) mod config;
pub(crate) mod dial;
pub(crate) mod endpoints;
mod erased;
mod event;
mod event_log;
pub(crate) mod events;
pub(crate) mod failures;
pub(crate) mod follow;
pub(crate) mod gate;
pub(crate) mod holds;
pub(crate) mod intakes;
pub(crate) mod leftover;
pub(crate) mod levels;
pub(crate) mod path;
pub(crate) mod peer;
pub(crate) mod peer_connection;
pub(crate) mod peer_stats;
mod pending;
mod per_second;
pub(crate) mod rest;
pub(crate) mod running;
mod runtime;
mod seldom;
pub(crate) mod session;
mod spans;
pub(crate) mod stack;
pub(crate) mod stats;
pub(crate) mod timings;
mod told;
pub(crate) mod waiting;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aiomsg_core::{BoxError, Delivery, Discard, Endpoint, Error, ErrorKind, Outbound};
use aiomsg_layers::acknowledge::Deferral;
use aiomsg_layers::admission::Admission;
use aiomsg_layers::at_least_once::Unacked;
use aiomsg_layers::distribute::{AnyPolicy, Guarded, Policy};
use aiomsg_layers::heartbeat::Patience;
use aiomsg_layers::peers::Peers;
use aiomsg_layers::queue::Queue;
use aiomsg_layers::session::Farewells;
use aiomsg_layers::{
    AtLeastOnceLayer, BufferLayer, ByIdentityLayer, Distribute, Driven, HeartbeatLayer,
};
use aiomsg_transport::Incoming;
use aiomsg_transport::framed::IncompleteFrames;
use aiomsg_transport::handshake::left_after;
use tokio::runtime::Handle;
use tokio_util::future::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Layer, ServiceBuilder};

use crate::AckMode;
use config::Config;
use dial::Tries;
use endpoints::Endpoints;
use events::{Cause, Reporter};
use gate::Gate;
use holds::Holds;
use intakes::Intakes;
use leftover::Leftover;
use peer::Connected;
use rest::Rests;
use running::ConnectionLayers;
use session::MakeIntake;
use stack::{Stack, StandardSend};
use timings::Clock;

/// The most refused connections that end in good order at the same time.
const FAREWELLS: usize = 64;

/// The error of a service that may have users' layers around it.
pub(crate) fn explain(error: impl Into<BoxError>) -> Error {
    let error = error.into();
    match !error.is::<Error>() && has_elapsed(&*error) {
        true => Error::new(ErrorKind::Timeout)
            .with_reason("a layer waited no longer")
            .with_source(error),
        false => Error::from_boxed(error),
    }
}

/// Whether it is the error of tower's timeout, or was caused by it.
fn has_elapsed(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut all = std::iter::successors(Some(error), |&error| error.source());
    all.any(<dyn std::error::Error>::is::<tower::timeout::error::Elapsed>)
}

/// The paths of a socket, with the user's layers around them.
pub(crate) struct Paths {
    /// The user's policy, in place of the send mode's.
    pub(crate) policy: Option<Box<dyn Policy<Queue<Outbound>> + Send>>,
    pub(crate) dial: Gate<Endpoint>,
    pub(crate) accept: Gate<Incoming>,
    pub(crate) layers: ConnectionLayers,
}

/// Everything that the tasks of a socket share.
pub(crate) struct Engine {
    pub(crate) config: Config,
    pub(crate) reporter: Reporter,
    /// Who hears how long things take.
    pub(crate) clock: Clock,
    pub(crate) peers: Admission<Connected>,
    pub(crate) endpoints: Endpoints,
    /// Received messages that wait for the program.
    pub(crate) inbox: Queue<Delivery>,
    /// How sessions fill the inbox, if there are layers around it.
    pub(crate) intake: Intakes,
    /// The incomplete large messages of all connections.
    pub(crate) incomplete: IncompleteFrames,
    /// The rests of connections that have ended.
    pub(crate) rests: Rests,
    /// Peers that are not read for a while.
    pub(crate) holds: Holds,
    /// Refused connections that stay for a moment.
    pub(crate) farewells: Farewells,
    /// The report of the close.
    pub(crate) leftover: Leftover,
    /// Whether the socket closes, and has a deadline.
    pub(crate) patience: Patience,
    /// The heartbeats of all connections.
    pub(crate) heartbeat: HeartbeatLayer,
    /// Whether the connection or the handler acknowledges.
    pub(crate) deferral: Deferral,
    /// The user's layers around each connection.
    pub(crate) layers: ConnectionLayers,
    /// The dialling service, with the user's layers.
    pub(crate) dial: Gate<Endpoint>,
    /// The accepting service, with the user's layers.
    pub(crate) accept: Gate<Incoming>,
    /// Takes dropped messages.
    pub(crate) discard: Discard,
    /// The send path, without the user's layers.
    pub(crate) send: StandardSend,
    /// Under at-least-once, the unacknowledged messages.
    pub(crate) unacked: Option<Unacked>,
    /// No more sends.
    pub(crate) closing: AtomicBool,
    /// No more accepting, and no more tries to connect.
    pub(crate) stop_intake: CancellationToken,
    /// No handshake goes on.
    pub(crate) stop_shaking: CancellationToken,
    /// The dials under way.
    pub(crate) tries: Tries,
    /// Handshakes with peers that know our identity, and may have sent something.
    pub(crate) told: Tries,
    /// Sessions send their queues, and end.
    pub(crate) finish: CancellationToken,
    /// Everything ends now.
    pub(crate) stop: CancellationToken,
    /// The same, for sessions, which look at it often. Set before.
    pub(crate) stopped: AtomicBool,
    /// The runtime of the socket has ended.
    pub(crate) orphaned: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) runtime: Handle,
}

impl Engine {
    /// Starts the engine of a socket, and builds the stack of its send path.
    pub(crate) fn start(
        config: Config,
        paths: Paths,
        intake: impl FnOnce(&Queue<Delivery>, &Reporter, &Deferral) -> Option<MakeIntake>,
    ) -> Result<(Arc<Self>, StandardSend), Error> {
        let runtime = Handle::try_current().map_err(|error| {
            Error::new(ErrorKind::Config)
                .with_reason("a socket is built within a tokio runtime")
                .with_source(error)
        })?;
        let reporter = Reporter::new(config.event_limits());
        let at_least_once = config.at_least_once.map(|settings| {
            let reporter = reporter.clone();
            let discard = Discard::new(move |lost| reporter.dropped(lost));
            AtLeastOnceLayer::with_settings(settings, discard)
        });
        let unacked = at_least_once.as_ref().map(AtLeastOnceLayer::unacked);
        let discard = match &at_least_once {
            Some(layer) => layer.discard(),
            None => {
                let reporter = reporter.clone();
                Discard::new(move |lost| reporter.dropped(lost))
            }
        };
        let peers = Peers::new(discard.clone());
        let policy = match paths.policy {
            Some(policy) => AnyPolicy::Other(Box::new(Guarded::new(policy))),
            None => config.policy(),
        };
        let distribute = Distribute::new(&peers, policy).overflow(config.overflow);
        let core = ServiceBuilder::new()
            .layer(
                ByIdentityLayer::new(&peers)
                    .mailboxes(config.mailboxes)
                    .overflow(config.overflow),
            )
            .layer(
                BufferLayer::new(config.buffer_limits)
                    .overflow(config.overflow)
                    .discard(discard.clone())
                    .while_nobody(distribute.reach()),
            )
            .service(distribute);

        let tasks = TaskTracker::new();
        tasks.spawn_on(core.expiry().run(), &runtime);
        let stack = match &at_least_once {
            None => Stack::AtMostOnce(core),
            Some(layer) => Stack::AtLeastOnce(layer.layer(core)),
        };
        let (driven, driver) = Driven::new(stack);
        tasks.spawn_on(driver.run(), &runtime);
        let send = StandardSend::new(driven, config.header_limits);
        if let Some(layer) = at_least_once {
            let resender = layer.resender(send.resends());
            tasks.spawn_on(
                async {
                    // It fails when the stack closes: so does the socket.
                    let _ = resender.run().await;
                },
                &runtime,
            );
        }
        let inbox = Queue::new(config.receive_limits);
        let deferral = Deferral::from(config.ack_mode == AckMode::Handled);
        let patience = Patience::new();
        let heartbeat = HeartbeatLayer::new()
            .interval(config.heartbeat_interval)
            .timeout(config.heartbeat_timeout)
            .patience(patience.clone());
        let engine = Self {
            intake: Intakes::new(intake(&inbox, &reporter, &deferral)),
            rests: Rests::default(),
            holds: Holds::default(),
            incomplete: IncompleteFrames::new(config.max_incomplete()),
            farewells: Farewells::new(FAREWELLS),
            leftover: Leftover::default(),
            patience,
            heartbeat,
            deferral,
            layers: paths.layers,
            dial: paths.dial,
            accept: paths.accept,
            discard,
            inbox,
            peers: Admission::with(
                config.identity.clone(),
                peers,
                config.max_peers,
                config.probe_timeout,
            ),
            endpoints: Endpoints::default(),
            reporter,
            clock: Clock::default(),
            send: send.clone(),
            unacked,
            closing: AtomicBool::new(false),
            stop_intake: CancellationToken::new(),
            stop_shaking: CancellationToken::new(),
            tries: Tries::default(),
            told: Tries::default(),
            finish: CancellationToken::new(),
            stop: CancellationToken::new(),
            stopped: AtomicBool::new(false),
            orphaned: CancellationToken::new(),
            tasks,
            runtime,
            config,
        };
        let engine = Arc::new(engine);
        runtime::watch(&engine);
        engine.spawn(engine.reporter.log_failures());
        Ok((engine, send))
    }

    /// Acknowledges a message, and says whether it could.
    pub(crate) fn acknowledge(&self, message: &Delivery) -> bool {
        let Some(id) = message.id() else {
            return false;
        };
        // Not on the connection by which it came, if that has ended: an id
        // names a message, whatever the connection.
        let peer = self.peers.get(message.from());
        peer.is_some_and(|peer| peer.handle().acknowledge(id))
    }

    /// The cause of a failed connection.
    fn cause(&self, error: &Error, dialled: bool) -> Cause {
        // Two sockets that connect to each other keep one connection, and refuse the other.
        let other = |peer| self.peers.get(peer);
        let is_second = error.is_identity_in_use()
            && error
                .peer()
                .and_then(other)
                .is_some_and(|it| it.info().peer.dialled != dialled);
        match left_after(error).filter(|_| !dialled) {
            // A check whether somebody listens.
            Some(0) => Cause::Usual,
            Some(_) => Cause::Left,
            None if is_second || error.is_closed() => Cause::Usual,
            None => Cause::Failure,
        }
    }

    /// Runs a task until it ends or the socket does.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        // Not in an `async` block: that would hold the task once more.
        let task = task.with_cancellation_token_owned(self.stop.clone());
        self.tasks.spawn_on(task, &self.runtime);
    }

    /// Sessions send their queues and end, and no connection is dialled any more.
    pub(crate) fn finish(&self) {
        self.finish.cancel();
        // One that is admitted later finds the token cancelled.
        let mut peers = self.peers.members();
        // In the order in which they came: that of the table is never the same.
        peers.sort_by_cached_key(|peer| (peer.since(), peer.identity().clone()));
        for peer in peers {
            peer.handle().finish();
        }
    }

    /// Ends all tasks at once.
    pub(crate) fn end_tasks(&self) {
        self.stopped.store(true, Ordering::Release);
        self.stop.cancel();
    }

    /// Ends everything at once. Waiting messages are lost, unless they are taken first.
    pub(crate) fn stop(&self) {
        self.stop_intake.cancel();
        self.stop_shaking.cancel();
        self.end_tasks();
        self.inbox.close();
        self.send.close();
        if let Some(unacked) = &self.unacked {
            unacked.close();
        }
        self.intake.end();
        self.tasks.close();
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

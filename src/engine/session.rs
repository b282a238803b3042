//! One connection, from its admission to its end.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aiomsg_core::codec::FrameCodec;
use aiomsg_core::queue::Queue;
use aiomsg_core::{BatchConnection, BoxError, Connection, Endpoint, Error, ErrorKind, OneByOne};
use aiomsg_layers::admission::{Admitted, HalfOpen, Member};
use aiomsg_layers::session::{Inbox, Intake};
use aiomsg_layers::shared::{catch, caught};
use aiomsg_layers::{AcknowledgeLayer, HeartbeatLayer, session};
use aiomsg_transport::Io;
use aiomsg_transport::framed::Framed;
use aiomsg_transport::handshake::Established;
use futures_sink::Sink;
use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;

use super::Engine;
use super::gate::{LAYER, flat};
use super::levels::Levels;
use super::peer::{PeerConnection, PeerInfo};
use super::race::{Race, Won};
use super::rest::Rest;
use super::seldom::Seldom;

/// How long a peer has to find out that we did not let its connection in.
const HALF_OPEN: Duration = Duration::from_secs(2);

/// How long the end of a refused connection may take to be sent.
const GOODBYE: Duration = Duration::from_millis(500);

/// Makes the intake of one session.
pub(crate) type MakeIntake = Arc<dyn Fn(&PeerInfo) -> Box<dyn Intake> + Send + Sync>;

/// Puts a user's layers around a connection.
pub(crate) type Wrap = Arc<dyn Fn(PeerConnection) -> Box<dyn Connection> + Send + Sync>;

/// A connection that was admitted, ready to run.
pub(crate) struct Session {
    admitted: Admitted<PeerInfo>,
    framed: Framed<Io>,
}

/// What comes of a handshake, if the peer may have the identity that it has
/// claimed.
pub(super) async fn checked(
    mut io: Io,
    established: Result<Established, Error>,
) -> Result<(Io, Established), Error> {
    let checked = established.and_then(|established| {
        // The rule may be a function of a user's.
        catch("the rule of identities", || {
            io.check_identity(&established.peer)
        })??;
        Ok(established)
    });
    match checked {
        Ok(established) => Ok((io, established)),
        Err(error) => {
            goodbye(io.shutdown()).await;
            Err(error)
        }
    }
}

/// Ends a connection in good order that is refused. On one with TLS, its peer
/// could not tell otherwise whether somebody in between has cut it off.
async fn goodbye<T>(closing: impl Future<Output = T>) {
    // Nothing more can be done for a peer that is gone or takes nothing.
    let _ = timeout(GOODBYE, closing).await;
}

/// Admits a connection after its handshake.
pub(crate) async fn admit(
    engine: &Arc<Engine>,
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
        identity: peer.clone(),
        endpoint: endpoint.clone(),
        remote: io.info().remote.clone(),
        dialect,
        tls: io.info().tls.clone(),
        dialled,
    };
    let codec = FrameCodec::new(dialect).max_message(engine.config.max_message);
    let (tls, wire) = (io.info().tls.is_some(), io.info().wire.clone());
    let mut framed = Framed::with_received(io, codec, received).buffered_below(tls);
    if let Some(wire) = wire {
        framed = framed.over(wire);
    }
    let levels = Levels::new(engine.reporter.clone(), peer.clone());
    let queue = Queue::with_levels(engine.config.peer_limits, move |level| levels.note(level));
    let known = info.certificate().cloned();
    let proof = known.as_ref().map(|it| it.der().clone());
    let meter = engine.reporter.meter().child();
    let member = Member::new(peer, dialled, queue, framed.link(), info)
        .proof(proof)
        .meter(meter);
    match engine.peers.admit_or_refuse(member).await {
        Ok(admitted) => Ok(Session { admitted, framed }),
        Err(mut refused) => {
            match refused.half_open() {
                Some(member) => engine.spawn(read_to_end(Arc::clone(engine), member, framed)),
                None => goodbye(poll_fn(|cx| Pin::new(&mut framed).poll_close(cx))).await,
            }
            let error = refused.into_error().at(endpoint);
            Err(error.with_certificate(known))
        }
    }
}

/// Reads a connection that we did not let in and its peer may have. The peer will
/// find that out and end it; if it does not, we do.
fn read_to_end(
    engine: Arc<Engine>,
    member: HalfOpen<PeerInfo>,
    framed: Framed<Io>,
) -> impl Future<Output = ()> + Send {
    // From now on, and not when this task has its first turn.
    let turn = engine.rests.half_open(member.identity().clone());
    async move {
        let finish = engine.finish.clone();
        let ends = Ends {
            evicted: pending(),
            finish: Race::new(sleep(HALF_OPEN), finish.cancelled()),
            half_open: true,
        };
        let rest = match catch(LAYER, || start(framed, &engine, &member, ends)) {
            Ok(running) => flat(caught(LAYER, running).await)
                .ok()
                .and_then(|(_, rest)| rest),
            Err(_) => None,
        };
        if let Some(mut rest) = rest {
            let _ = poll_fn(|cx| rest.poll_rest(cx)).await;
        }
        // Not before: there is one at a time, so there is one rest at a time.
        drop((member, turn));
    }
}

/// A connection while it runs. It says why it ended, and what the layers of the
/// receive path have yet to deal with then.
///
/// Boxed, once per connection: it is much larger than what else its task does
/// before and after, and a task takes as much room as the largest of these.
type Running<'a> = Pin<Box<dyn Future<Output = Result<Ended, BoxError>> + Send + 'a>>;

type Ended = (Error, Option<Box<dyn Intake>>);

/// What ends a connection from this side.
struct Ends<E, F> {
    /// At once, as another one is to take its place.
    evicted: E,
    /// In good order.
    finish: F,
    /// It was never let in.
    half_open: bool,
}

impl Session {
    /// Runs the connection until it ends. `finish` asks it to send what is
    /// queued and end.
    pub(crate) fn run<'a>(
        self,
        engine: &'a Arc<Engine>,
        finish: &'a CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'a {
        let Self { admitted, framed } = self;
        engine.reporter.peer_up(admitted.info());
        let identity = admitted.identity().clone();
        let superseded = admitted.superseded();
        let ends = Ends {
            evicted: admitted.evicted(),
            finish: Race::new(superseded, finish.cancelled()),
            half_open: false,
        };
        // A layer that panics ends the connection, and not the task that
        // connects again.
        let running = catch(LAYER, || start(framed, engine, &admitted, ends));
        let mut peer = Peer {
            engine,
            admitted: Some(admitted),
            reason: None,
        };
        async move {
            let ended = match running {
                Ok(running) => flat(caught(LAYER, running).await),
                Err(error) => Err(error.into()),
            };
            let superseded = peer.admitted.as_ref().is_some_and(Admitted::is_superseded);
            let (reason, rest) = match ended {
                // It has ended in good order, and not for its own sake.
                Ok((_, rest)) if superseded => (replaced(), rest),
                Ok(ended) => ended,
                Err(error) => (super::explain(error), None),
            };
            peer.reason = Some(reason);
            // What was read is dealt with after the connection has ended, too,
            // and before what comes by the next one.
            let rest = rest.and_then(|rest| Rest::of(engine, identity, rest));
            drop(peer);
            if let Some(rest) = rest {
                engine.spawn(rest.run());
            }
        }
    }
}

/// Puts the layers around a connection.
fn start<'a, E, F>(
    framed: Framed<Io>,
    engine: &'a Engine,
    member: &Member<PeerInfo>,
    ends: Ends<E, F>,
) -> Running<'a>
where
    E: Future<Output = ()> + Send + 'a,
    F: Future + Send + 'a,
{
    let mut acknowledge = AcknowledgeLayer::new().deferral(engine.deferral.clone());
    if let Some(unacked) = &engine.unacked {
        acknowledge = acknowledge.unacked(unacked.clone());
    }
    if engine.intake.is_some() {
        // What was read is not yet accepted: the layers decide.
        acknowledge = acknowledge.deferral(true.into());
    }
    let heartbeat = HeartbeatLayer::new()
        .interval(engine.config.heartbeat_interval)
        .timeout(engine.config.heartbeat_timeout)
        .link(member.link().clone());
    let layers = ServiceBuilder::new().layer(heartbeat).layer(acknowledge);
    match &engine.wrap {
        None => fill(layers.service(framed), engine, member, ends),
        Some(wrap) => {
            let connection = wrap(PeerConnection::new(framed, member.info().clone()));
            let connection = OneByOne::new(connection);
            fill(layers.service(connection), engine, member, ends)
        }
    }
}

/// Puts a connection that has its layers before what takes its messages.
fn fill<'a, C, E, F>(
    connection: C,
    engine: &'a Engine,
    member: &Member<PeerInfo>,
    ends: Ends<E, F>,
) -> Running<'a>
where
    C: BatchConnection + 'a,
    E: Future<Output = ()> + Send + 'a,
    F: Future + Send + 'a,
{
    let (peer, half_open) = (member.identity(), ends.half_open);
    match &engine.intake {
        None => {
            let inbox = Inbox::new(engine.inbox.clone());
            let intake = engine.rests.in_order(peer, inbox, half_open);
            let session = session(connection, intake, engine, member);
            Box::pin(pump(session, engine, ends, |_| None))
        }
        Some(make) => {
            let intake = engine.rests.in_order(peer, make(member.info()), half_open);
            let session = session(connection, intake, engine, member);
            Box::pin(pump(session, engine, ends, |rest| Some(Box::new(rest))))
        }
    }
}

fn session<C: BatchConnection, I: Intake>(
    connection: C,
    intake: I,
    engine: &Engine,
    member: &Member<PeerInfo>,
) -> session::Session<C, I> {
    session::Session::of(member, connection, intake).discard(engine.discard.clone())
}

fn pump<'a, C, I, E, F>(
    mut session: session::Session<C, I>,
    engine: &'a Engine,
    ends: Ends<E, F>,
    rest: fn(I) -> Option<Box<dyn Intake>>,
) -> impl Future<Output = Result<Ended, BoxError>> + Send + 'a
where
    C: BatchConnection + 'a,
    I: Intake + 'a,
    E: Future<Output = ()> + Send + 'a,
    F: Future + Send + 'a,
{
    // A busy session is polled for each batch, and ends once. Boxed, and not an
    // `async fn`: whatever is moved into an `async` block and on from there has room
    // in it twice.
    let Ends {
        evicted, finish, ..
    } = ends;
    let ended = Seldom::new(Box::pin(Race::new(evicted, engine.stop.cancelled())));
    let finish = Seldom::new(Box::pin(finish));
    async move {
        let reason = tokio::select! {
            biased;
            ended = ended => match ended {
                Won::First => replaced(),
                Won::Second => Error::new(ErrorKind::Closed),
            },
            reason = session.run(async { _ = finish.await }) => reason,
        };
        Ok((reason, rest(session.into_intake())))
    }
}

fn replaced() -> Error {
    Error::new(ErrorKind::Disconnected)
        .with_reason("another connection of the same peer took its place")
}

/// What must happen when a session has ended, in whatever way: also when its
/// task is dropped in the middle.
struct Peer<'a> {
    engine: &'a Engine,
    admitted: Option<Admitted<PeerInfo>>,
    reason: Option<Error>,
}

impl Drop for Peer<'_> {
    fn drop(&mut self) {
        let Some(admitted) = self.admitted.take() else {
            return;
        };
        let info = admitted.info().clone();
        // Others may have the identity, and then it is told.
        drop(admitted);
        let reason = self
            .reason
            .take()
            .unwrap_or_else(|| ErrorKind::Closed.into());
        let reason = reason
            .with_peer(info.identity.clone())
            .at(info.endpoint.clone());
        self.engine.reporter.peer_down(info, reason);
    }
}

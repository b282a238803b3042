//! One connection, from its admission to its end.

use std::sync::Arc;

use aiomsg_core::codec::FrameCodec;
use aiomsg_core::queue::Queue;
use aiomsg_core::{Connection, Endpoint, Error, ErrorKind};
use aiomsg_layers::admission::{Admitted, Member};
use aiomsg_layers::session::{Inbox, Intake};
use aiomsg_layers::{AcknowledgeLayer, HeartbeatLayer, session};
use aiomsg_transport::Io;
use aiomsg_transport::framed::Framed;
use aiomsg_transport::handshake::Established;
use tower::ServiceBuilder;

use super::levels::Levels;
use super::peer::{PeerConnection, PeerInfo};
use super::{Engine, gate};

/// Makes the intake of one session.
pub(crate) type MakeIntake = Arc<dyn Fn() -> Box<dyn Intake> + Send + Sync>;

/// Puts a user's layers around a connection.
pub(crate) type Wrap = Arc<dyn Fn(PeerConnection) -> Box<dyn Connection> + Send + Sync>;

/// A connection that was admitted, ready to run.
pub(crate) struct Session {
    admitted: Admitted<PeerInfo>,
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
    let certificate = info.tls.as_ref();
    let certificate = certificate.and_then(|tls| tls.peer_certificate.clone());
    let member = Member::new(peer, dialled, queue, framed.link(), info).proof(certificate);
    let admitted = engine.peers.admit(member).await;
    Ok(Session {
        admitted: admitted.map_err(|error| error.at(endpoint))?,
        framed,
    })
}

impl Session {
    /// Runs the connection until it ends. `finish` asks it to send what is
    /// queued and end.
    pub(crate) async fn run(self, engine: &Engine, finish: impl Future<Output = ()>) {
        let Self { admitted, framed } = self;
        let mut peer = Peer {
            engine,
            admitted: Some(admitted),
            reason: None,
        };
        let Some(admitted) = &peer.admitted else {
            return;
        };
        let info = admitted.info();
        engine.reporter.peer_up(info);

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
            .link(admitted.link().clone());
        let layers = ServiceBuilder::new().layer(heartbeat).layer(acknowledge);
        let run = async {
            Ok(match &engine.wrap {
                None => run(layers.service(framed), engine, admitted, finish).await,
                Some(wrap) => {
                    let connection = wrap(PeerConnection::new(framed, info.clone()));
                    run(layers.service(connection), engine, admitted, finish).await
                }
            })
        };
        // A layer that panics ends the connection, and not the task that
        // connects again.
        let run = gate::caught(run).await;
        let (reason, rest) = run.unwrap_or_else(|error| (super::explain(error), None));
        peer.reason = Some(reason);
        drop(peer);
        // What was read is dealt with after the connection has ended, too.
        if let Some(mut rest) = rest {
            engine.spawn(async move {
                let _ = std::future::poll_fn(|cx| rest.poll_rest(cx)).await;
            });
        }
    }
}

/// Runs a connection with all its layers, and says why it ended. What the
/// layers of the receive path have yet to deal with is handed out.
async fn run<C: Connection>(
    connection: C,
    engine: &Engine,
    admitted: &Admitted<PeerInfo>,
    finish: impl Future<Output = ()>,
) -> (Error, Option<Box<dyn Intake>>) {
    match &engine.intake {
        None => {
            let inbox = Inbox::new(engine.inbox.clone());
            let (reason, _) = pump(connection, inbox, engine, admitted, finish).await;
            (reason, None)
        }
        Some(make) => {
            let (reason, rest) = pump(connection, make(), engine, admitted, finish).await;
            (reason, Some(rest))
        }
    }
}

async fn pump<C: Connection, I: Intake>(
    connection: C,
    intake: I,
    engine: &Engine,
    admitted: &Admitted<PeerInfo>,
    finish: impl Future<Output = ()>,
) -> (Error, I) {
    let mut session = session::Session::of(admitted, connection, intake)
        .meter(engine.reporter.meter().clone())
        .discard(engine.discard.clone());
    let reason = tokio::select! {
        biased;
        () = admitted.evicted() => Error::new(ErrorKind::Disconnected)
            .with_reason("another connection of the same peer took its place"),
        reason = session.run(finish) => reason,
        () = engine.stop.cancelled() => Error::new(ErrorKind::Closed),
    };
    (reason, session.into_intake())
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

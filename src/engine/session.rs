//! One connection, from its admission to its end.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aiomsg_core::{Endpoint, Error, ErrorKind, Identity};
use aiomsg_layers::admission::{Admitted, Member};
use aiomsg_layers::queue::Queue;
use aiomsg_layers::session::{Intake, SessionHandle};
use aiomsg_layers::shared::{catch, caught};
use aiomsg_transport::codec::FrameCodec;
use aiomsg_transport::framed::Framed;
use aiomsg_transport::handshake::{Established, HalfWay};
use aiomsg_transport::{Io, IoInfo};
use futures_sink::Sink;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::Engine;
use super::dial::{self, DialId};
use super::gate::{LAYER, flat};
use super::leftover::Unconfirmed;
use super::levels::Levels;
use super::peer::{Connected, PeerInfo};
use super::rest::Rest;
use super::running::Ends;
use super::spans::{self, WithinSpan};

/// How long the first message waits for a sign that the peer has admitted the
/// connection, if the peer may have dialled us at the same time. A socket of ours gives
/// the sign at once.
const HOLD: Duration = Duration::from_millis(500);

/// The time limit for ending a refused connection in good order.
const GOODBYE: Duration = Duration::from_millis(500);

/// Creates the intake of one session.
pub(crate) type MakeIntake = Arc<dyn Fn(&PeerInfo) -> Box<dyn Intake> + Send + Sync>;

/// An admitted connection, ready to run.
pub(crate) struct ReadyConnection {
    admitted: Admitted<Connected>,
    framed: Framed<Io>,
    /// How long it sends no messages, unless the peer sends something.
    hold: Option<Duration>,
}

/// The result of a handshake, if the peer may have the identity that it has claimed.
pub(super) async fn checked(
    engine: &Engine,
    mut io: Io,
    half_way: Result<HalfWay, Error>,
) -> Result<(Io, HalfWay), Error> {
    let checked = half_way.and_then(|half_way| {
        // The rule may be a user's function.
        catch("the rule of identities", || {
            io.check_identity(&half_way.established().peer)
        })??;
        Ok(half_way)
    });
    match checked {
        Ok(half_way) => Ok((io, half_way)),
        Err(error) => {
            goodbye(engine, io.shutdown()).await;
            Err(error)
        }
    }
}

/// Ends a refused connection in good order. With TLS, the peer could not tell an abrupt
/// end from an attacker in between.
async fn goodbye<T>(engine: &Engine, closing: impl Future<Output = T>) {
    let Some(_place) = engine.farewells.begin() else {
        return;
    };
    // A peer that is gone or takes nothing gets no more.
    let _ = timeout(GOODBYE, closing).await;
}

/// Admits a connection half-way through its handshake, and completes the handshake. A
/// peer that does not know our identity yet has not admitted the connection, so it has
/// sent nothing on it if it is refused. `dial` is the dial that it is of, if this end dialled.
pub(crate) async fn admit(
    engine: &Arc<Engine>,
    io: Io,
    mut half_way: HalfWay,
    endpoint: Endpoint,
    dial: Option<DialId>,
) -> Result<ReadyConnection, Error> {
    let dialled = dial.is_some();
    let Established { dialect, peer, .. } = half_way.established();
    let info = PeerInfo {
        identity: peer.clone(),
        endpoint: endpoint.clone(),
        remote: io.info().remote.clone(),
        dialect: *dialect,
        tls: io.info().tls.clone(),
        dialled,
    };
    let codec = FrameCodec::new(info.dialect)
        .max_message(engine.config.max_message)
        .header_limits(engine.config.header_limits)
        .require_headers(engine.config.require_headers)
        .count_left_out(Arc::clone(engine.reporter.left_out()));
    let IoInfo {
        wire, send_queue, ..
    } = io.info().clone();
    let tls = io.info().tls.is_some();
    let received = half_way.take_received();
    let heard = !received.is_empty();
    let mut framed = Framed::with_received(io, codec, received)
        .buffered_below(tls)
        .send_queue(send_queue)
        .incomplete(engine.incomplete.clone())
        .go_on();
    if let Some(wire) = wire {
        framed = framed.over(wire);
    }
    let peer = info.identity.clone();
    let levels = Levels::new(engine.reporter.clone(), peer.clone());
    let queue = Queue::with_levels(engine.config.peer_limits, move |level| levels.note(level));
    let known = info.certificate().cloned();
    let proof = known.as_ref().map(|it| it.der().clone());
    let meter = engine.reporter.meter().child();
    // The peer may be about to refuse this connection, for one that it has dialled.
    let may_be_mutual = dialled && engine.endpoints.any_bound();
    let hold = may_be_mutual.then_some(HOLD);
    let connected = Connected { peer: info, dial };
    let member = Member::new(peer.clone(), dialled, queue, framed.link(), connected)
        .proof(proof)
        .meter(meter)
        .told(half_way.is_told())
        .heard(heard);
    let refuse = |error: Error| Err(error.at(endpoint).with_certificate(known));
    let admitted = match engine.peers.admit(member).await {
        Ok(admitted) => admitted,
        Err(error) => {
            // The peer knows of the other connection, so it understands the refusal. But if we
            // dialled both, with the same certificate, it would end the other one.
            let other = engine.peers.get(&peer);
            let takes_over = |other: &PeerInfo| tls && dialled && other.dialled;
            let end = async {
                if other.is_some_and(|it| it.is_confirmed() && !takes_over(&it.info().peer)) {
                    half_way.tell(framed.get_mut()).await?;
                }
                poll_fn(|cx| Pin::new(&mut framed).poll_close(cx)).await
            };
            goodbye(engine, end).await;
            return refuse(error);
        }
    };
    let time = engine.config.handshake_timeout;
    let told = timeout(time, half_way.tell(framed.get_mut())).await;
    if let Err(error) = told.unwrap_or_else(|_| Err(dial::timed_out(engine))) {
        drop(admitted);
        return refuse(error);
    }
    if half_way.is_probed() {
        // The peer has sent its identity, and waits for its admission.
        admitted.handle().probe();
    }
    Ok(ReadyConnection {
        admitted,
        framed,
        hold,
    })
}

impl ReadyConnection {
    /// Makes the running connection send its queue, and end.
    pub(crate) fn handle(&self) -> &SessionHandle {
        self.admitted.handle()
    }

    /// Runs the connection until it ends. Returns whether it ended at a message: at one that
    /// is too large, or in the middle of one of ours.
    pub(crate) fn run(self, engine: &Arc<Engine>) -> impl Future<Output = bool> + Send {
        let Self {
            admitted,
            framed,
            hold,
        } = self;
        engine.reporter.peer_up(&admitted.info().peer);
        let span = spans::session(&admitted.info().peer);
        let ends = Ends::new(engine, admitted.handle().clone());
        if engine.finish.is_cancelled() {
            admitted.handle().finish();
        }
        // A layer that panics ends the connection, and not the task that
        // connects again.
        let running = catch(LAYER, || {
            engine.layers.start(framed, engine, &admitted, hold, ends)
        });
        let mut peer = Ending {
            engine,
            admitted: Some(admitted),
            reason: None,
        };
        let running = async move {
            let ended = match running {
                Ok(running) => flat(caught(LAYER, running).await),
                Err(error) => Err(error.into()),
            };
            let (reason, rest) = match ended {
                Ok(ended) => ended,
                Err(error) => (super::explain(error), None),
            };
            let at_message = reason.is_too_large() || peer.is_cut();
            peer.reason = Some(reason);
            // Messages that were read are handled after the connection has ended, too,
            // and before those of the next one.
            let rest = rest
                .zip(peer.identity())
                .and_then(|(rest, identity)| Rest::of(engine, identity, rest));
            drop(peer);
            if let Some(rest) = rest {
                engine.spawn(rest.run());
            }
            at_message
        };
        running.within(span)
    }
}

/// The work after the end of a session, also when its task is dropped in the middle.
struct Ending<'a> {
    engine: &'a Engine,
    admitted: Option<Admitted<Connected>>,
    reason: Option<Error>,
}

impl Ending<'_> {
    /// Whether it ended in the middle of a message of ours.
    fn is_cut(&self) -> bool {
        let admitted = self.admitted.as_ref();
        admitted.is_some_and(|it| it.link().is_cut())
    }

    fn identity(&self) -> Option<Identity> {
        Some(self.admitted.as_ref()?.identity().clone())
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let Some(admitted) = self.admitted.take() else {
            return;
        };
        let info = admitted.info().peer.clone();
        // The session has been dropped by now.
        let unconfirmed = admitted.handle().unconfirmed();
        let closing = self.engine.closing.load(Ordering::Acquire);
        if unconfirmed > 0 && (closing || admitted.handle().is_finishing()) {
            self.engine.reporter.unconfirmed(&info, unconfirmed);
            if closing {
                let unconfirmed = Unconfirmed::new(&info, unconfirmed);
                self.engine.leftover.add_unconfirmed(unconfirmed);
            }
        }
        // The identity is free before the end is reported.
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

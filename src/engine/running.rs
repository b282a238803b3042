//! A running connection within its layers. Only this file knows their types, so that the
//! work for each message is compiled for them.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use aiomsg_core::{BoxError, Connection, Dialect, Error, ErrorKind};
use aiomsg_layers::admission::Member;
use aiomsg_layers::session::{Inbox, Intake, SessionHandle};
use aiomsg_layers::{AcknowledgeLayer, session};
use aiomsg_transport::Io;
use aiomsg_transport::framed::Framed;
use tower::ServiceBuilder;

use super::Engine;
use super::peer::Connected;
use super::peer_connection::PeerConnection;
use crate::layer::ConnectionLayer;

/// A running connection. It returns why it ended, and the rest that the layers of the
/// receive path have yet to take.
///
/// Boxed, once per connection: a task takes as much room as the largest of its steps, and
/// this one is much larger than those before and after it.
pub(super) type Running<'a> = Pin<Box<dyn Future<Output = Result<Ended, BoxError>> + Send + 'a>>;

pub(super) type Ended = (Error, Option<Box<dyn Intake>>);

/// The ways to end a connection from this side. A busy session is polled for each batch, and
/// an idle one is one of many, so they are looks at two places that wake the task, and no
/// futures of tokens.
pub(crate) struct Ends<'a> {
    handle: SessionHandle,
    stopped: &'a AtomicBool,
}

impl<'a> Ends<'a> {
    pub(super) fn new(engine: &'a Engine, handle: SessionHandle) -> Self {
        Self {
            handle,
            stopped: &engine.stopped,
        }
    }

    /// Ready when the connection must end at once, with the reason: another one takes its
    /// place, or the socket stops.
    #[inline]
    fn poll_now(&self, cx: &Context<'_>) -> Poll<Error> {
        if self.handle.poll_evicted(cx).is_ready() {
            return Poll::Ready(replaced());
        }
        // The end of its task wakes it then.
        match self.stopped.load(Ordering::Acquire) {
            true => Poll::Ready(Error::new(ErrorKind::Closed)),
            false => Poll::Pending,
        }
    }

    /// Ready when the connection should end in good order. It wakes the task that has called
    /// [`Ends::poll_now`] before.
    #[inline]
    fn poll_finish(&self) -> Poll<()> {
        match self.handle.is_finishing() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

/// The layers of a user's own around each connection.
///
/// The type of the outermost one is known where the connection runs, so that one layer,
/// which may be a stack of several, costs no dynamic call for a frame.
#[derive(Default)]
pub(crate) struct ConnectionLayers {
    outermost: Option<Box<dyn Start>>,
    /// The others, from the outermost to the innermost.
    inner: Vec<Wrap>,
}

type Wrap = Box<dyn Fn(PeerConnection) -> PeerConnection + Send + Sync>;

impl ConnectionLayers {
    /// Adds a layer within those that are there.
    pub(crate) fn push(&mut self, layer: impl ConnectionLayer) {
        match &self.outermost {
            None => self.outermost = Some(Box::new(Outermost(layer))),
            Some(_) => {
                let wrap = move |inner: PeerConnection| inner.layered(|it| layer.layer(it));
                self.inner.push(Box::new(wrap));
            }
        }
    }

    /// Starts a connection within the layers.
    pub(super) fn start<'a>(
        &self,
        framed: Framed<Io>,
        engine: &'a Engine,
        member: &Member<Connected>,
        hold: Option<Duration>,
        ends: Ends<'a>,
    ) -> Running<'a> {
        let Some(outermost) = &self.outermost else {
            // Nobody asks for the properties of the stream any more.
            let framed = framed.map_io(Io::into_stream);
            return start(framed, engine, member, hold, ends);
        };
        let innermost = PeerConnection::new(framed, member.info().peer.clone());
        let layered = self.inner.iter().rfold(innermost, |it, wrap| wrap(it));
        outermost.start(layered, engine, member, hold, ends)
    }
}

trait Start: Send + Sync {
    fn start<'a>(
        &self,
        connection: PeerConnection,
        engine: &'a Engine,
        member: &Member<Connected>,
        hold: Option<Duration>,
        ends: Ends<'a>,
    ) -> Running<'a>;
}

struct Outermost<L>(L);

impl<L: ConnectionLayer> Start for Outermost<L> {
    fn start<'a>(
        &self,
        connection: PeerConnection,
        engine: &'a Engine,
        member: &Member<Connected>,
        hold: Option<Duration>,
        ends: Ends<'a>,
    ) -> Running<'a> {
        start(self.0.layer(connection), engine, member, hold, ends)
    }
}

/// Puts the standard layers around a connection.
fn start<'a>(
    connection: impl Connection + 'a,
    engine: &'a Engine,
    member: &Member<Connected>,
    hold: Option<Duration>,
    ends: Ends<'a>,
) -> Running<'a> {
    let mut acknowledge = AcknowledgeLayer::new().deferral(engine.deferral.clone());
    if let Some(unacked) = &engine.unacked {
        acknowledge = acknowledge.unacked(unacked.clone());
    }
    let layered = engine.intake.of(&member.info().peer);
    if layered.is_some() {
        // The layers decide whether a message that was read is accepted.
        acknowledge = acknowledge.deferral(true.into());
    }
    let heartbeat = engine.heartbeat.clone().link(member.link().clone());
    let connection = ServiceBuilder::new()
        .layer(heartbeat)
        .layer(acknowledge)
        .service(connection);
    let peer = member.identity();
    match layered {
        None => {
            let certificate = member.info().peer.certificate().cloned();
            let inbox = Inbox::new(engine.inbox.clone()).certificate(certificate);
            let intake = engine.rests.in_order(peer, engine.holds.of(peer), inbox);
            let session = session(connection, intake, engine, member, hold);
            Box::pin(pump(session, ends, |_| None))
        }
        Some(intake) => {
            let intake = engine.rests.in_order(peer, engine.holds.of(peer), intake);
            let session = session(connection, intake, engine, member, hold);
            Box::pin(pump(session, ends, |rest| Some(Box::new(rest))))
        }
    }
}

fn session<C: Connection, I: Intake>(
    connection: C,
    intake: I,
    engine: &Engine,
    member: &Member<Connected>,
    hold: Option<Duration>,
) -> session::Session<C, I> {
    let info = &member.info().peer;
    // A peer of 2019 never ends a connection that it has accepted without TLS.
    let never_ends = info.dialect == Dialect::V2019 && info.dialled && info.tls.is_none();
    session::Session::of(member, connection, intake)
        .discard(engine.discard.clone())
        .patience(engine.patience.clone())
        .peer_never_ends(never_ends)
        .farewells(engine.farewells.clone())
        .hold(hold)
}

#[expect(
    clippy::manual_async_fn,
    reason = "an `async fn` has room for its arguments twice"
)]
fn pump<'a, C: Connection + 'a, I: Intake + 'a>(
    mut session: session::Session<C, I>,
    ends: Ends<'a>,
    rest: fn(I) -> Option<Box<dyn Intake>>,
) -> impl Future<Output = Result<Ended, BoxError>> + Send + 'a {
    async move {
        // Not `select!`, which has room for more.
        let (reason, at_once) = {
            let mut running = pin!(session.run(poll_fn(|_| ends.poll_finish())));
            poll_fn(|cx| match ends.poll_now(cx) {
                Poll::Ready(reason) => Poll::Ready((reason, true)),
                Poll::Pending => running.as_mut().poll(cx).map(|reason| (reason, false)),
            })
            .await
        };
        if at_once {
            session.settle().await;
        }
        Ok((reason, rest(session.into_intake())))
    }
}

fn replaced() -> Error {
    Error::new(ErrorKind::Disconnected)
        .with_reason("another connection of the same peer took its place")
}

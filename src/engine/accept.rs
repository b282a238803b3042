//! Accepting connections.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use aiomsg_core::{Certificate, Error, ErrorKind};
use aiomsg_layers::shared::caught;
use aiomsg_transport::handshake::HalfWay;
use aiomsg_transport::listen::is_transient;
use aiomsg_transport::{Incoming, Io, Listener};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::events::Cause;
use super::gate::LAYER;
use super::pending::{PendingHandshakes, Turn};
use super::session::{self, ReadyConnection};
use super::spans::{self, WithinSpan};
use super::told::{Telling, Told};
use super::{Engine, dial, explain, gate};

/// The pause when the system cannot accept, usually for want of file descriptors. Retrying
/// at once would keep a core busy in vain.
const PAUSE: Duration = Duration::from_millis(500);

/// Accepts connections and runs each in its own task, until `unbind` or the end of all
/// accepting.
pub(crate) async fn run(engine: Arc<Engine>, mut listener: Listener, unbind: CancellationToken) {
    let endpoint = listener.local_endpoint();
    let mut pending = PendingHandshakes::new(
        engine.config.max_pending_handshakes,
        engine.config.max_pending_of_one(),
    );
    loop {
        let accepting = accept_all(&engine, &mut listener, &mut pending);
        let panicked = tokio::select! {
            biased;
            () = unbind.cancelled() => return,
            () = engine.stop_intake.cancelled() => return,
            panicked = caught("accepting", accepting) => panicked,
        };
        let Err(panicked) = panicked;
        engine
            .reporter
            .accept_failed(&endpoint, None, panicked, Cause::Failure);
        sleep(PAUSE).await;
    }
}

async fn accept_all(
    engine: &Arc<Engine>,
    listener: &mut Listener,
    pending: &mut PendingHandshakes,
) -> Infallible {
    loop {
        match listener.accept().await {
            Ok(incoming) => {
                let turn = pending.admit(incoming.remote());
                engine.spawn(handle(Arc::clone(engine), incoming, turn));
            }
            Err(error) => {
                let go_on = is_transient(&error);
                let endpoint = listener.local_endpoint();
                engine
                    .reporter
                    .accept_failed(&endpoint, None, error, Cause::Failure);
                if !go_on {
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Handles one connection. This is not an `async fn`, and the steps before the connection
/// runs are boxed: they are large and short, and the task must stay small.
fn handle(engine: Arc<Engine>, incoming: Incoming, turn: Turn) -> impl Future<Output = ()> + Send {
    let mut establishing = Box::pin(establish_or_report(Arc::clone(&engine), incoming, turn));
    async move {
        let Some(session) = (&mut establishing).await else {
            return;
        };
        drop(establishing);
        session.run(&engine).await;
    }
}

/// Reports a failure, and returns nothing then.
async fn establish_or_report(
    engine: Arc<Engine>,
    incoming: Incoming,
    turn: Turn,
) -> Option<ReadyConnection> {
    let (endpoint, remote) = (incoming.endpoint().clone(), incoming.remote().clone());
    let establishing = establish(Arc::clone(&engine), incoming, turn);
    let establishing = establishing.within(spans::accept(&endpoint, &remote));
    match caught(LAYER, establishing).await {
        Ok(Ok(session)) => Some(session),
        Ok(Err(error)) | Err(error) => {
            let error = error.at(endpoint.clone());
            let cause = engine.cause(&error, false);
            engine
                .reporter
                .accept_failed(&endpoint, Some(remote), error, cause);
            None
        }
    }
}

async fn establish(
    engine: Arc<Engine>,
    incoming: Incoming,
    mut turn: Turn,
) -> Result<ReadyConnection, Error> {
    let endpoint = incoming.endpoint().clone();
    let (mut known, told) = (None, Told::new());
    let stopped = async {
        engine.stop_intake.cancelled().await;
        if told.get().is_some() {
            engine.stop_shaking.cancelled().await;
        }
    };
    let started = engine.clock.start();
    // One deadline for TLS and the handshake.
    let shaken = tokio::select! {
        biased;
        excess = turn.ended() => Err(excess),
        shaken = timeout(
            engine.config.handshake_timeout,
            shake(&engine, incoming, &mut known, &told),
        ) => shaken.unwrap_or_else(|_| Err(dial::timed_out(&engine))),
        () = stopped => Err(ErrorKind::Closed.into()),
    };
    let (io, half_way) = shaken.map_err(|error| error.with_certificate(known))?;
    let dialect = half_way.established().dialect;
    engine
        .clock
        .report(started, |it, time| it.handshake(time, false, dialect));
    // Waiting for an identity does not count as a handshake under way: each
    // identity bounds it to one.
    drop(turn);
    session::admit(&engine, io, half_way, endpoint, None).await
}

/// Performs TLS and the handshake. `known` gets the properties of the peer, also for a
/// failure.
async fn shake(
    engine: &Engine,
    incoming: Incoming,
    known: &mut Option<Certificate>,
    told: &Told,
) -> Result<(Io, HalfWay), Error> {
    let opening = gate::open(&engine.accept, incoming).await;
    let mut io = opening.map_err(explain)?.await.map_err(explain)?;
    *known = io.info().certificate().cloned();
    let mut telling = Telling::new(&mut io, &engine.told, told);
    let handshake = engine.config.handshake();
    let shaking = handshake.accept_half(&mut telling);
    let half_way = shaking.within(spans::handshake()).await;
    session::checked(engine, io, half_way).await
}

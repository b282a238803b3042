//! Connecting and reconnecting.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use aiomsg_core::sync::Mutex;
use aiomsg_core::{Endpoint, Error, ErrorKind};
use aiomsg_layers::ReconnectLayer;
use aiomsg_layers::reconnect::Failure;
use aiomsg_layers::shared::{catch, caught, note};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tower::{BoxError, Service, ServiceBuilder};

use super::events::Cause;
use super::seldom::Seldom;
use super::session::{self, ReadyConnection};
use super::spans::{self, WithinSpan};
use super::{Engine, gate};

const WHAT: &str = "the task of a connection";

/// Tells dials apart. Two may be to the same endpoint: `connect` to an address, and
/// `connect_all` to names that have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct DialId(u64);

impl DialId {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Connects to an endpoint, runs the connection, and connects again, until
/// `disconnect`, which is a child of `finish`, or the end of all dialling.
///
/// The first try is under way before the task runs: a socket that is closed right after
/// `connect` waits for it.
pub(crate) async fn run(
    engine: Arc<Engine>,
    endpoint: Endpoint,
    id: DialId,
    disconnect: CancellationToken,
    first: UnderWay,
) {
    let unheard = Arc::new(Unheard::default());
    let report = {
        let (engine, unheard) = (Arc::clone(&engine), Arc::clone(&unheard));
        move |failure: Failure<'_>| {
            let error = super::explain(failure.error).at(failure.endpoint.clone());
            let cause = match unheard.note(&error) {
                Some(time) => Cause::Unheard(time),
                None => engine.cause(&error, true),
            };
            engine
                .reporter
                .dial_failed(failure.endpoint, error, failure.retry_in, cause);
        }
    };
    let reconnect = ReconnectLayer::new()
        .shared_delay(Arc::clone(&engine.config.reconnect_delay))
        .good_after(engine.config.reconnect_good_after)
        .on_failure(report);
    // Reconnect( Admission( Timeout( Handshake( the user's( Connector )))))
    let mut dial = ServiceBuilder::new()
        .layer(reconnect)
        .service(admitting(&engine, id, first));
    loop {
        let connected = tokio::select! {
            biased;
            // First, as an admitted one may have got messages.
            connected = dial.call(endpoint.clone()) => connected,
            () = disconnect.cancelled() => return,
            () = engine.stop_shaking.cancelled() => return,
        };
        let Ok(session) = connected;
        unheard.end();
        // Panics of layers are caught at their calls. Any other panic ends this
        // connection, and not the reconnecting.
        let handle = session.handle().clone();
        let ended = match catch(WHAT, || session.run(&engine)) {
            Ok(running) => {
                let mut running = pin!(caught(WHAT, running));
                // A busy session is polled for each batch, and ends once.
                let disconnected = Seldom::new(disconnect.cancelled());
                tokio::select! {
                    biased;
                    () = disconnected => {
                        handle.finish();
                        running.await
                    }
                    ended = &mut running => ended,
                }
            }
            Err(panicked) => Err(panicked),
        };
        match ended {
            Ok(true) => dial.pardon(),
            Ok(false) => {}
            Err(panicked) => note(&panicked),
        }
    }
}

/// A service of endpoints whose response is an admitted connection.
fn admitting(
    engine: &Arc<Engine>,
    id: DialId,
    first: UnderWay,
) -> impl Service<Endpoint, Response = ReadyConnection, Error = BoxError, Future: Send>
+ Clone
+ Send
+ use<> {
    let engine = Arc::clone(engine);
    let first = Arc::new(Mutex::new(Some(first)));
    tower::service_fn(move |endpoint: Endpoint| {
        let engine = Arc::clone(&engine);
        let first = first.lock().take();
        let span = spans::dial(&endpoint);
        let dialling = async move {
            if first.is_none() && engine.stop_intake.is_cancelled() {
                // The ones under way go on.
                std::future::pending::<()>().await;
            }
            let _under_way = first.unwrap_or_else(|| engine.tries.begin());
            // The wait for a layer's readiness, for example a rate limit, does not
            // count in the peer's time.
            let opening = gate::open(&engine.dial, endpoint.clone()).await?;
            let mut known = None;
            let started = engine.clock.start();
            let shake = async {
                let mut io = opening.await?;
                known = io.info().certificate().cloned();
                let handshake = engine.config.handshake();
                let shaking = handshake.connect_half(&mut io);
                let half_way = shaking.within(spans::handshake()).await;
                Ok::<_, BoxError>(session::checked(&engine, io, half_way).await?)
            };
            let shaken = timeout(engine.config.handshake_timeout, shake).await;
            let shaken = shaken.unwrap_or_else(|_| Err(timed_out(&engine).into()));
            let (io, half_way) =
                shaken.map_err(|error| super::explain(error).with_certificate(known))?;
            let dialect = half_way.established().dialect;
            engine
                .clock
                .report(started, |it, time| it.handshake(time, true, dialect));
            let session = session::admit(&engine, io, half_way, endpoint, Some(id)).await?;
            Ok::<_, BoxError>(session)
        };
        dialling.within(span)
    })
}

/// The time since when nobody listens at an endpoint.
#[derive(Debug, Default)]
struct Unheard(Mutex<Option<Instant>>);

impl Unheard {
    /// Returns for how long nobody has listened there, or `None` if the try failed for
    /// another reason.
    fn note(&self, error: &Error) -> Option<Duration> {
        let mut since = self.0.lock();
        if !nobody_listens(error) {
            *since = None;
            return None;
        }
        Some(since.get_or_insert_with(Instant::now).elapsed())
    }

    fn end(&self) {
        *self.0.lock() = None;
    }
}

/// A Unix socket that nobody has bound yet is a file that is missing.
fn nobody_listens(error: &Error) -> bool {
    use std::io::ErrorKind as Io;
    let kind = error.io().map(std::io::Error::kind);
    error.is_io() && matches!(kind, Some(Io::ConnectionRefused | Io::NotFound))
}

/// Dials under way, each from its beginning to its failure or its connection. Separately,
/// handshakes of peers that know our identity.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tries(Arc<AtomicUsize>);

impl Tries {
    pub(crate) fn are_under_way(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }

    pub(crate) fn begin(&self) -> UnderWay {
        self.0.fetch_add(1, Ordering::AcqRel);
        UnderWay(self.clone())
    }
}

/// One under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Tries);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

pub(super) fn timed_out(engine: &Engine) -> Error {
    Error::new(ErrorKind::Timeout).with_reason(format!(
        "connecting and the handshake took more than {:?}",
        engine.config.handshake_timeout
    ))
}

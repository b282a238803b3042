use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use aiomsg_core::Endpoint;
use tokio::time::{Instant, sleep};
use tower::{BoxError, Service, ServiceExt};

use super::ReconnectLayer;

/// How long to wait when the function that says it has panicked.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// A try that failed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure<'a> {
    /// Where to.
    pub endpoint: &'a Endpoint,
    /// What went wrong.
    pub error: BoxError,
    /// When the next try will be.
    pub retry_in: Duration,
}

pub(super) type Report = Arc<dyn Fn(Failure<'_>) + Send + Sync>;

/// A service of endpoints that tries until it has a connection. See the
/// [module](super).
///
/// One service is for one endpoint: it remembers how its tries went. Calling
/// it again says that the connection before has ended.
#[derive(Debug, Clone)]
pub struct Reconnect<S> {
    inner: S,
    settings: ReconnectLayer,
    history: Arc<Mutex<History>>,
}

#[derive(Debug, Default)]
struct History {
    failures: u32,
    connected: Option<Instant>,
}

impl History {
    /// Counts one more failure, and says how many there were before.
    fn failed(&mut self) -> u32 {
        let before = self.failures;
        self.failures = before.saturating_add(1);
        before
    }
}

impl ReconnectLayer {
    /// How long to wait. A function that panics is no reason never to try again.
    fn delay_after(&self, failures: u32) -> Duration {
        catch_unwind(AssertUnwindSafe(|| (self.delay)(failures))).unwrap_or_else(|_| {
            tracing::warn!("the delay function of reconnecting panicked: the next try is in 1 s");
            AFTER_PANIC
        })
    }
}

impl<S> Reconnect<S> {
    pub(super) fn new(inner: S, settings: ReconnectLayer) -> Self {
        Self {
            inner,
            settings,
            history: Arc::default(),
        }
    }
}

impl<S> Service<Endpoint> for Reconnect<S>
where
    S: Service<Endpoint, Error: Into<BoxError>> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: Send,
{
    type Response = S::Response;
    type Error = std::convert::Infallible;
    type Future = ReconnectFuture<S::Response>;

    /// Always ready: the inner service is waited for within the call, as its
    /// failing is a reason to try again.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        let this = self.clone();
        ReconnectFuture(Box::pin(async move { Ok(this.connect(endpoint).await) }))
    }
}

impl<S> Reconnect<S>
where
    S: Service<Endpoint, Error: Into<BoxError>> + Clone,
{
    async fn connect(self, endpoint: Endpoint) -> S::Response {
        let Self {
            inner,
            settings,
            history,
        } = self;
        let lock = || history.lock().unwrap_or_else(PoisonError::into_inner);

        // Whether to wait before the first try, and after how many failures.
        let failures = {
            let mut history = lock();
            match history.connected.take() {
                None => None,
                Some(since) if since.elapsed() >= settings.good_after => {
                    history.failures = 0;
                    Some(0)
                }
                Some(_) => Some(history.failed()),
            }
        };
        if let Some(failures) = failures {
            sleep(settings.delay_after(failures)).await;
        }
        loop {
            let tried = inner.clone().oneshot(endpoint.clone()).await;
            match tried.map_err(Into::<BoxError>::into) {
                Ok(connection) => {
                    lock().connected = Some(Instant::now());
                    return connection;
                }
                Err(error) => {
                    let failures = lock().failed();
                    let retry_in = settings.delay_after(failures);
                    let failure = Failure {
                        endpoint: &endpoint,
                        error,
                        retry_in,
                    };
                    // The panic hook has said where it was; the tries go on.
                    let _ = catch_unwind(AssertUnwindSafe(|| (settings.report)(failure)));
                    sleep(retry_in).await;
                }
            }
        }
    }
}

/// The future of [`Reconnect`]: ready when there is a connection.
pub struct ReconnectFuture<T>(
    Pin<Box<dyn Future<Output = Result<T, std::convert::Infallible>> + Send>>,
);

impl<T> Future for ReconnectFuture<T> {
    type Output = Result<T, std::convert::Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<T> std::fmt::Debug for ReconnectFuture<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReconnectFuture")
    }
}

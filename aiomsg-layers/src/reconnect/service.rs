use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aiomsg_core::sync::{Mutex, MutexGuard};
use aiomsg_core::{Endpoint, Error};
use tokio::time::{Instant, sleep};
use tower::{BoxError, Service, ServiceExt};

use super::{ReconnectLayer, exponential};
use crate::shared::{catch, caught, note};

/// A failed try.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure<'a> {
    /// The endpoint.
    pub endpoint: &'a Endpoint,
    /// The error.
    pub error: BoxError,
    /// The time until the next try.
    pub retry_in: Duration,
}

pub(super) type Report = Arc<dyn Fn(Failure<'_>) + Send + Sync>;

/// A service of endpoints that tries until it has a connection. See the
/// [module](super).
///
/// One service is for one endpoint, because it remembers its failures. A call says that
/// the connection before has ended.
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
    pardoned: bool,
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

impl<S> Reconnect<S> {
    /// Returns a reference to the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// Counts the connection that has just ended as a good one, however short it was: it
    /// ended at a message, and not because the peer was unwell. The next try comes after
    /// the first delay.
    pub fn pardon(&self) {
        self.history().pardoned = true;
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock()
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

    /// Always ready: the call waits for the inner service, since its failure is a reason
    /// to try again.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        let this = self.clone();
        ReconnectFuture(Box::pin(async move { Ok(this.connect(endpoint).await) }))
    }
}

const SERVICE: &str = "the connecting service";

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
        let lock = || history.lock();

        // The number of failures, if the first try has to wait.
        let failed = {
            let mut history = lock();
            let pardoned = std::mem::take(&mut history.pardoned);
            match history.connected.take() {
                None => None,
                Some(since) if pardoned || since.elapsed() >= settings.good_after => {
                    history.failures = 0;
                    Some(0)
                }
                Some(_) => Some(history.fail()),
            }
        };
        if let Some(failures) = failed {
            sleep(settings.delay_after(failures, &endpoint)).await;
        }
        loop {
            let tried = match catch(SERVICE, || inner.clone()) {
                Ok(inner) => {
                    let trying = async { inner.oneshot(endpoint.clone()).await };
                    caught(SERVICE, trying).await
                }
                Err(error) => Err(error),
            };
            match tried.map_or_else(|error| Err(error.into()), |it| it.map_err(Into::into)) {
                Ok(connection) => {
                    lock().connected = Some(Instant::now());
                    return connection;
                }
                Err(error) => {
                    let failures = lock().fail();
                    let retry_in = settings.delay_after(failures, &endpoint);
                    settings.tell(&endpoint, error, retry_in);
                    sleep(retry_in).await;
                }
            }
        }
    }
}

impl History {
    /// Counts a failure, and returns the number of failures before it.
    fn fail(&mut self) -> u32 {
        let before = self.failures;
        self.failures = before.saturating_add(1);
        before
    }
}

/// Calls a user's function. A panic in it is reported, and does not end the reconnecting.
impl ReconnectLayer {
    fn delay_after(&self, failures: u32, endpoint: &Endpoint) -> Duration {
        let panicked: Error = match catch("the delay function", || (self.delay)(failures)) {
            Ok(delay) => return delay,
            Err(panicked) => panicked,
        };
        let usual = exponential(Self::FIRST_DELAY, Self::LONGEST_DELAY)(failures);
        self.tell(endpoint, panicked.into(), usual);
        usual
    }

    fn tell(&self, endpoint: &Endpoint, error: BoxError, retry_in: Duration) {
        let failure = Failure {
            endpoint,
            error,
            retry_in,
        };
        if let Err(panicked) = catch("the report of a failed try", || (self.report)(failure)) {
            note(&panicked);
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

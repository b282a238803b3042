//! Requests: a span from the question to its answer.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::{Layer, Service};
use tracing::field;

use crate::TraceFuture;
use crate::future::Scope;
use crate::settings::{Settings, Verdict};

/// Puts [`RequestTrace`] around a service of requests.
///
/// The socket below sends the context: it has a [`TraceLayer`](crate::TraceLayer).
///
/// ```
/// use aiomsg::Socket;
/// use aiomsg::layer::Requests;
/// use aiomsg_opentelemetry::{RequestTraceLayer, TraceLayer};
/// use tower::ServiceBuilder;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
/// let requests = Requests::new();
/// let socket = Socket::builder()
///     .layer(TraceLayer::new())
///     .receive_layer(requests.answers())
///     .build()?;
/// let ask = ServiceBuilder::new()
///     .layer(RequestTraceLayer::new().destination("prices"))
///     .layer(requests.layer())
///     .service(socket);
/// # drop(ask);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RequestTraceLayer(Settings);

const OPERATION: &str = "request";

impl RequestTraceLayer {
    /// A layer that begins no traces.
    pub fn new() -> Self {
        Self(Settings::new(OPERATION))
    }

    /// Names the destination, such as `prices`: the spans are `request prices`.
    #[must_use]
    pub fn destination(mut self, name: impl AsRef<str>) -> Self {
        self.0.set_destination(OPERATION, name.as_ref());
        self
    }

    /// Begins a trace with this share of the requests that are made outside of any span: from
    /// 0.0, the default, to 1.0.
    #[must_use]
    pub fn start_traces(mut self, share: f64) -> Self {
        self.0.set_start(share);
        self
    }
}

impl Default for RequestTraceLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for RequestTraceLayer {
    type Service = RequestTrace<S>;

    fn layer(&self, inner: S) -> RequestTrace<S> {
        RequestTrace {
            inner,
            settings: Arc::new(self.0.clone()),
        }
    }
}

/// A service of requests, each within a span of the kind client, which ends with the answer.
/// The span of the message that is sent is its child. See the
/// [crate](crate#which-messages-are-traced) for which requests are traced.
///
/// # Errors
///
/// The error of the inner service, recorded in the span.
#[derive(Debug, Clone)]
pub struct RequestTrace<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> RequestTrace<S> {
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
}

impl<S, R> Service<R> for RequestTrace<S>
where
    S: Service<R, Error: fmt::Display + 'static>,
    R: AsRef<[u8]>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TraceFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let scope = match self.settings.verdict() {
            Verdict::Span { first } => self.settings.client(first, request.as_ref().len()),
            Verdict::Unsampled | Verdict::Skip => Scope::Outside,
        };
        let inner = &mut self.inner;
        let calling = scope.run(|| inner.call(request));
        TraceFuture::new(calling, scope)
    }
}

impl Settings {
    fn client(&self, first: bool, bytes: usize) -> Scope {
        macro_rules! span {
            ($($parent:tt)*) => {
                tracing::info_span!(
                    $($parent)*
                    "request",
                    otel.name = &*self.span_name,
                    otel.kind = "client",
                    otel.status_code = field::Empty,
                    otel.status_description = field::Empty,
                    messaging.system = "aiomsg",
                    messaging.operation.name = OPERATION,
                    messaging.destination.name = self.destination.as_deref(),
                    messaging.message.body.size = bytes,
                    error.type = field::Empty,
                )
            };
        }
        Scope::Span(if first { span!(parent: None,) } else { span!() })
    }
}

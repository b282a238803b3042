//! The receive path: the context out of the headers, and a span of the message.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use aiomsg_core::Delivery;
use opentelemetry::trace::TraceContextExt;
use tower::{Layer, Service};
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::TraceFuture;
use crate::future::Scope;
use crate::settings::{Propagator, Settings, Verdict};

/// Puts [`ExtractTrace`] around a service of received messages: the receive path of a socket,
/// or a service that handles messages.
///
/// ```
/// use aiomsg::{Delivery, Error, Socket};
/// use aiomsg_opentelemetry::ExtractTraceLayer;
/// use tower::{Layer, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
/// let work = service_fn(|job: Delivery| async move {
///     tracing::info!(bytes = job.payload().len(), "within the span of the job");
///     Ok::<_, Error>(())
/// });
/// let socket = Socket::new()?;
/// let serving = socket.serve(ExtractTraceLayer::new().destination("jobs").layer(work));
/// # drop(serving);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ExtractTraceLayer(pub(crate) Extracting);

/// What is done with the context of a message.
#[derive(Debug, Clone)]
pub(crate) struct Extracting {
    pub(crate) settings: Settings,
    operation: &'static str,
    links: bool,
}

const PROCESS: &str = "process";
const RECEIVE: &str = "receive";

impl ExtractTraceLayer {
    /// A layer for the propagator of [`opentelemetry::global`], which begins no traces.
    pub fn new() -> Self {
        Self(Extracting {
            settings: Settings::new(PROCESS),
            operation: PROCESS,
            links: false,
        })
    }

    /// Sets what reads the context, in place of the global propagator.
    #[must_use]
    pub fn propagator(mut self, propagator: Propagator) -> Self {
        self.0.settings.propagator = Some(propagator);
        self
    }

    /// Names the destination, such as `jobs`: the spans are `process jobs`.
    #[must_use]
    pub fn destination(mut self, name: impl AsRef<str>) -> Self {
        let operation = self.0.operation;
        self.0.settings.set_destination(operation, name.as_ref());
        self
    }

    /// Begins a trace with this share of the messages that carry no context: from 0.0, the
    /// default, to 1.0.
    #[must_use]
    pub fn start_traces(mut self, share: f64) -> Self {
        self.0.settings.set_start(share);
        self
    }

    /// Links the span of a message to the context that the message carries, and leaves it a
    /// child of the current span. Without this, it is a child of the context.
    ///
    /// A context that is not sampled then counts as none, so that a peer cannot switch off the
    /// traces of the receiver.
    #[must_use]
    pub fn links(mut self, links: bool) -> Self {
        self.0.links = links;
        self
    }

    /// Names the operation `receive`, and makes its spans of the kind client: for a
    /// socket's `receive_layer`, where messages go into the inbox.
    #[must_use]
    pub fn receiving(mut self) -> Self {
        self.0.operation = RECEIVE;
        match self.0.settings.destination.clone() {
            Some(name) => self.0.settings.set_destination(RECEIVE, &name),
            None => self.0.settings.span_name = RECEIVE.into(),
        }
        self
    }
}

impl Default for ExtractTraceLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ExtractTraceLayer {
    type Service = ExtractTrace<S>;

    fn layer(&self, inner: S) -> ExtractTrace<S> {
        ExtractTrace {
            inner,
            extracting: Arc::new(self.0.clone()),
        }
    }
}

/// A service of received messages that calls the inner service within a span of the message.
///
/// A message with the context of a sampled trace gets a span of the kind consumer, a child of
/// the sender's. One whose trace is not sampled gets none, and the inner service runs within
/// this trace, so that none of its spans begins another. With
/// [`links`](ExtractTraceLayer::links) it counts as a message without a context. A context
/// that cannot be read counts as none. The message keeps its headers.
///
/// # Errors
///
/// The error of the inner service, recorded in the span.
#[derive(Debug, Clone)]
pub struct ExtractTrace<S> {
    inner: S,
    pub(crate) extracting: Arc<Extracting>,
}

impl<S> ExtractTrace<S> {
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

impl<S> Service<Delivery> for ExtractTrace<S>
where
    S: Service<Delivery, Error: fmt::Display + 'static>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TraceFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, message: Delivery) -> Self::Future {
        let scope = self.extracting.scope(&message);
        let inner = &mut self.inner;
        let calling = scope.run(|| inner.call(message));
        TraceFuture::new(calling, scope)
    }
}

impl Extracting {
    fn scope(&self, message: &Delivery) -> Scope {
        let parent = match self.settings.extract(message.headers()) {
            Some((context, true)) => Some(context),
            // With links, the receiver decides: a peer cannot switch off its traces.
            Some((context, false)) if !self.links => return Scope::Unsampled(context),
            _ => match self.settings.beginning() {
                Verdict::Span { .. } => None,
                _ => return Scope::Outside,
            },
        };
        let span = self.span(message);
        if let Some(context) = parent {
            if self.links {
                span.add_link(context.span().span_context().clone());
            } else {
                // Fails without a layer of OpenTelemetry, which wants no parent then.
                let _ = span.set_parent(context);
            }
        }
        Scope::Span(span)
    }

    fn span(&self, message: &Delivery) -> Span {
        let kind = if self.operation == RECEIVE {
            "client"
        } else {
            "consumer"
        };
        macro_rules! span {
            ($($parent:tt)*) => {
                tracing::info_span!(
                    $($parent)*
                    "process",
                    otel.name = &*self.settings.span_name,
                    otel.kind = kind,
                    otel.status_code = field::Empty,
                    otel.status_description = field::Empty,
                    messaging.system = "aiomsg",
                    messaging.operation.name = self.operation,
                    messaging.operation.type = self.operation,
                    messaging.destination.name = self.settings.destination.as_deref(),
                    messaging.message.id = message.id().map(field::display),
                    messaging.message.body.size = message.payload().len(),
                    messaging.client.id = %message.from().short(),
                    error.type = field::Empty,
                )
            };
        }
        if self.links {
            span!()
        } else {
            span!(parent: None,)
        }
    }
}

#[cfg(test)]
mod tests;

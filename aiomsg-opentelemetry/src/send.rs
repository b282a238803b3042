//! The send path: a span for each message, and its context in the headers.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use aiomsg_core::{HeaderLimits, Outbound};
use opentelemetry::Context as TraceContext;
use tower::{Layer, Service};
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::TraceFuture;
use crate::future::Scope;
use crate::settings::{Propagator, Settings, Verdict};

/// Puts [`Trace`] around the send path.
///
/// ```
/// use aiomsg::Socket;
/// use aiomsg_opentelemetry::TraceLayer;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
/// let socket = Socket::builder()
///     .layer(TraceLayer::new().destination("jobs"))
///     .build()?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct TraceLayer(Settings);

const OPERATION: &str = "send";

impl TraceLayer {
    /// A layer for the propagator of [`opentelemetry::global`], which begins no traces.
    pub fn new() -> Self {
        Self(Settings::new(OPERATION))
    }

    /// Sets what writes the context, in place of the global propagator.
    #[must_use]
    pub fn propagator(mut self, propagator: Propagator) -> Self {
        self.0.propagator = Some(propagator);
        self
    }

    /// Names the destination, such as `jobs`: the spans are `send jobs`.
    #[must_use]
    pub fn destination(mut self, name: impl AsRef<str>) -> Self {
        self.0.set_destination(OPERATION, name.as_ref());
        self
    }

    /// Begins a trace with this share of the messages that are sent outside of any span: from
    /// 0.0, the default, to 1.0. A message that begins none costs a random number. A sampler
    /// of OpenTelemetry decides about the rest.
    #[must_use]
    pub fn start_traces(mut self, share: f64) -> Self {
        self.0.set_start(share);
        self
    }

    /// Sends the context of traces that are not sampled, too: for receivers that would
    /// begin a trace with a message without a context. Such a message costs about as much as
    /// a header.
    #[must_use]
    pub fn propagate_unsampled(mut self, propagate: bool) -> Self {
        self.0.unsampled = propagate;
        self
    }

    /// Sets the limits of headers. They are those of the socket, which has the same defaults.
    /// A message whose headers have no room for the context goes without it.
    #[must_use]
    pub fn header_limits(mut self, limits: HeaderLimits) -> Self {
        self.0.limits = limits;
        self
    }
}

impl Default for TraceLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Trace<S> {
        Trace {
            inner,
            settings: Arc::new(self.0.clone()),
        }
    }
}

/// A service that sends messages, each within a span of the kind producer. See the
/// [crate](crate#which-messages-are-traced) for which.
///
/// The span begins with the call and ends with it: when the message is accepted or refused,
/// or, until it is acknowledged, for a message that waits for this. A layer outside of
/// at-least-once sees each message once, however often it is sent again.
///
/// A message keeps its headers, but for those that the propagator writes.
///
/// # Errors
///
/// The error of the inner service, recorded in the span.
#[derive(Debug, Clone)]
pub struct Trace<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> Trace<S> {
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

impl<S> Service<Outbound> for Trace<S>
where
    S: Service<Outbound, Error: fmt::Display + 'static>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TraceFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut message: Outbound) -> Self::Future {
        let scope = match self.settings.verdict() {
            Verdict::Skip => Scope::Outside,
            verdict => self.settings.producer(verdict, &mut message),
        };
        let inner = &mut self.inner;
        let calling = scope.run(|| inner.call(message));
        TraceFuture::new(calling, scope)
    }
}

impl Settings {
    /// The span of a message, which gets the context.
    #[cold]
    fn producer(&self, verdict: Verdict, message: &mut Outbound) -> Scope {
        let Verdict::Span { first } = verdict else {
            if self.unsampled {
                self.inject_into(&current(), message);
            }
            return Scope::Outside;
        };
        let span = self.producer_span(first, message);
        if span.is_disabled() {
            // By a filter: the message belongs to the span around it.
            self.inject_into(&current(), message);
            return Scope::Outside;
        }
        self.inject_into(&span.context(), message);
        Scope::Span(span)
    }

    fn producer_span(&self, first: bool, message: &Outbound) -> Span {
        macro_rules! span {
            ($($parent:tt)*) => {
                tracing::info_span!(
                    $($parent)*
                    "send",
                    otel.name = &*self.span_name,
                    otel.kind = "producer",
                    otel.status_code = field::Empty,
                    otel.status_description = field::Empty,
                    messaging.system = "aiomsg",
                    messaging.operation.name = OPERATION,
                    messaging.operation.type = OPERATION,
                    messaging.destination.name = self.destination.as_deref(),
                    messaging.message.id = message.id().map(field::display),
                    messaging.message.body.size = message.payload().len(),
                    error.type = field::Empty,
                )
            };
        }
        let span = if first { span!(parent: None,) } else { span!() };
        if self.destination.is_none()
            && let Some(peer) = message.peer()
        {
            span.record("messaging.destination.name", field::display(peer.short()));
        }
        span
    }

    fn inject_into(&self, context: &TraceContext, message: &mut Outbound) {
        let mut headers = message.headers().clone();
        self.inject(context, &mut headers);
        message.set_headers(headers);
    }
}

/// The context of the current span, also of a layer that does not activate its contexts.
fn current() -> TraceContext {
    let current = TraceContext::current();
    match crate::settings::sampled(&current) {
        Some(_) => current,
        None => Span::current().context(),
    }
}

#[cfg(test)]
mod tests;

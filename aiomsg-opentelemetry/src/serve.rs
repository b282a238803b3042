//! Handlers whose replies carry the context back.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aiomsg_core::{BoxError, Delivery, HeaderLimits, Headers, IntoReply};
use bytes::Bytes;
use pin_project::pin_project;
use tower::{Layer, Service};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::extract::Extracting;
use crate::future::Scope;
use crate::settings::Propagator;
use crate::{ExtractTrace, ExtractTraceLayer, TraceFuture};

/// Puts [`ServeTrace`] around a handler of messages.
///
/// ```
/// use aiomsg::{Delivery, Error, Socket};
/// use aiomsg_opentelemetry::ServeTraceLayer;
/// use tower::{Layer, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
/// let capitals = service_fn(|text: Delivery| async move {
///     Ok::<_, Error>(text.payload().to_ascii_uppercase())
/// });
/// let socket = Socket::new()?;
/// let serving = socket.serve(ServeTraceLayer::new().layer(capitals));
/// # drop(serving);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct ServeTraceLayer(ExtractTraceLayer);

impl ServeTraceLayer {
    /// A layer for the propagator of [`opentelemetry::global`], which begins no traces.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what reads and writes the context, in place of the global propagator.
    #[must_use]
    pub fn propagator(self, propagator: Propagator) -> Self {
        Self(self.0.propagator(propagator))
    }

    /// Names the destination, such as `jobs`: the spans are `process jobs`.
    #[must_use]
    pub fn destination(self, name: impl AsRef<str>) -> Self {
        Self(self.0.destination(name))
    }

    /// Begins a trace with this share of the messages that carry no context: from 0.0, the
    /// default, to 1.0.
    #[must_use]
    pub fn start_traces(self, share: f64) -> Self {
        Self(self.0.start_traces(share))
    }

    /// Links the span of a message to the context that the message carries, and leaves it a
    /// child of the current span. Without this, it is a child of the context. See
    /// [`ExtractTraceLayer::links`] for contexts that are not sampled.
    #[must_use]
    pub fn links(self, links: bool) -> Self {
        Self(self.0.links(links))
    }

    /// Sets the limits of headers. They are those of the socket, which has the same defaults.
    /// A reply whose headers have no room for the context goes without it.
    #[must_use]
    pub fn header_limits(mut self, limits: HeaderLimits) -> Self {
        self.0.0.settings.limits = limits;
        self
    }
}

impl<S> Layer<S> for ServeTraceLayer {
    type Service = ServeTrace<S>;

    fn layer(&self, inner: S) -> ServeTrace<S> {
        ServeTrace(self.0.layer(inner))
    }
}

/// A handler within a span of the message, as [`ExtractTrace`], whose reply carries the
/// context of this span.
///
/// # Errors
///
/// The error of the inner service, recorded in the span.
#[derive(Debug, Clone)]
pub struct ServeTrace<S>(ExtractTrace<S>);

impl<S> ServeTrace<S> {
    /// Returns a reference to the inner service.
    pub fn get_ref(&self) -> &S {
        self.0.get_ref()
    }

    /// Returns a mutable reference to the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        self.0.get_mut()
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.0.into_inner()
    }
}

impl<S> Service<Delivery> for ServeTrace<S>
where
    S: Service<Delivery, Response: IntoReply, Error: fmt::Display + 'static>,
{
    type Response = TracedReply<S::Response>;
    type Error = S::Error;
    type Future = ServeTraceFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, message: Delivery) -> Self::Future {
        ServeTraceFuture {
            handling: self.0.call(message),
            extracting: Arc::clone(&self.0.extracting),
        }
    }
}

/// The future of [`ServeTrace`].
///
/// # Cancel safety
///
/// As for the future of the inner service.
#[derive(Debug)]
#[pin_project]
pub struct ServeTraceFuture<F> {
    #[pin]
    handling: TraceFuture<F>,
    extracting: Arc<Extracting>,
}

impl<F, R, E> Future for ServeTraceFuture<F>
where
    F: Future<Output = Result<R, E>>,
    R: IntoReply,
    E: fmt::Display + 'static,
{
    type Output = Result<TracedReply<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let result = ready!(this.handling.as_mut().poll_open(cx));
        // The span ends here, and the reply belongs to it.
        let scope = mem::replace(this.handling.scope(), Scope::Outside);
        Poll::Ready(result.map(|reply| {
            let mut headers = reply.reply_headers();
            let settings = &this.extracting.settings;
            match &scope {
                Scope::Span(span) => settings.inject(&span.context(), &mut headers),
                Scope::Outside | Scope::Unsampled(_) => {}
            }
            TracedReply { reply, headers }
        }))
    }
}

/// A reply, and the headers that carry the context of its trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedReply<R> {
    reply: R,
    headers: Headers,
}

impl<R> TracedReply<R> {
    /// Returns a reference to the handler's reply.
    pub fn get_ref(&self) -> &R {
        &self.reply
    }

    /// Returns the handler's reply.
    pub fn into_inner(self) -> R {
        self.reply
    }
}

impl<R: IntoReply> IntoReply for TracedReply<R> {
    fn into_reply(self) -> Option<Bytes> {
        self.reply.into_reply()
    }

    fn try_into_reply(self) -> Result<Option<Bytes>, BoxError> {
        self.reply.try_into_reply()
    }

    fn reply_headers(&self) -> Headers {
        self.headers.clone()
    }
}

#[cfg(test)]
mod tests;

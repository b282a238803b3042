//! A call within its span.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use opentelemetry::Context as TraceContext;
use pin_project::pin_project;
use tracing::Span;

use crate::failure;

/// The future of a traced call. The span ends when the call ends, or when the future is
/// dropped.
///
/// # Cancel safety
///
/// As for the future of the inner service.
#[derive(Debug)]
#[pin_project]
pub struct TraceFuture<F> {
    #[pin]
    inner: F,
    // Dropped last.
    scope: Scope,
}

/// What a call runs in.
#[derive(Debug)]
pub(crate) enum Scope {
    /// No span of ours.
    Outside,
    Span(Span),
    /// The trace of a message that is not sampled.
    Unsampled(TraceContext),
}

impl Scope {
    /// Runs a function within the span.
    #[inline]
    pub(crate) fn run<T>(&self, run: impl FnOnce() -> T) -> T {
        match self {
            Self::Outside => run(),
            Self::Span(span) => span.in_scope(run),
            Self::Unsampled(context) => {
                let _attached = context.clone().attach();
                run()
            }
        }
    }
}

impl<F> TraceFuture<F> {
    pub(crate) fn new(inner: F, scope: Scope) -> Self {
        Self { inner, scope }
    }

    pub(crate) fn scope(self: Pin<&mut Self>) -> &mut Scope {
        self.project().scope
    }

    /// Polls the call, and leaves the span open when it is ready.
    pub(crate) fn poll_open<T, E>(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>>
    where
        F: Future<Output = Result<T, E>>,
        E: fmt::Display + 'static,
    {
        let this = self.project();
        let result = this.scope.run(|| this.inner.poll(cx));
        if let (Scope::Span(span), Poll::Ready(Err(error))) = (&*this.scope, &result) {
            failure::record(span, error);
        }
        result
    }
}

impl<F, T, E> Future for TraceFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: fmt::Display + 'static,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        if matches!(self.scope, Scope::Outside) {
            return self.project().inner.poll(cx);
        }
        let result = self.as_mut().poll_open(cx);
        if result.is_ready() {
            *self.scope() = Scope::Outside;
        }
        result
    }
}

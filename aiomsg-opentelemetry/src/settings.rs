//! What the layers have in common: the propagator, and which messages are traced.

use std::fmt;
use std::sync::Arc;

use aiomsg_core::{HeaderLimits, Headers};
use opentelemetry::Context;
use opentelemetry::global::get_text_map_propagator;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::carrier::{Reader, Writer};

/// A propagator that layers share.
pub type Propagator = Arc<dyn TextMapPropagator + Send + Sync>;

/// The settings of a layer.
#[derive(Clone)]
pub(crate) struct Settings {
    /// `None`: the global one.
    pub(crate) propagator: Option<Propagator>,
    pub(crate) destination: Option<Arc<str>>,
    /// The operation and the destination.
    pub(crate) span_name: Arc<str>,
    /// The share of messages outside of any trace that begin one.
    pub(crate) start: f64,
    pub(crate) unsampled: bool,
    pub(crate) limits: HeaderLimits,
}

/// Whether a message gets a span.
#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    /// A child of the current span, or the first of a trace.
    Span { first: bool },
    /// None, in a trace that is not sampled.
    Unsampled,
    /// None.
    Skip,
}

impl Settings {
    pub(crate) fn new(operation: &str) -> Self {
        Self {
            propagator: None,
            destination: None,
            span_name: operation.into(),
            start: 0.0,
            unsampled: false,
            limits: HeaderLimits::default(),
        }
    }

    /// Names spans by the destination.
    pub(crate) fn set_destination(&mut self, operation: &str, name: &str) {
        self.destination = Some(name.into());
        self.span_name = format!("{operation} {name}").into();
    }

    pub(crate) fn set_start(&mut self, share: f64) {
        // Not a number counts as none.
        self.start = if share > 0.0 { share.min(1.0) } else { 0.0 };
    }

    /// What the current span says. The context of the thread is that of the current span, and
    /// costs a look at a thread-local.
    #[inline]
    pub(crate) fn verdict(&self) -> Verdict {
        match Context::map_current(sampled) {
            Some(true) => Verdict::Span { first: false },
            Some(false) => Verdict::Unsampled,
            None => self.verdict_without_context(),
        }
    }

    fn verdict_without_context(&self) -> Verdict {
        let current = Span::current();
        if current.is_none() {
            return self.beginning();
        }
        // A layer of OpenTelemetry that does not activate its contexts, or none.
        match sampled(&current.context()) {
            Some(false) => Verdict::Unsampled,
            _ => Verdict::Span { first: false },
        }
    }

    /// Whether a message outside of any trace begins one.
    pub(crate) fn beginning(&self) -> Verdict {
        if self.start > 0.0 && (self.start >= 1.0 || fastrand::f64() < self.start) {
            Verdict::Span { first: true }
        } else {
            Verdict::Skip
        }
    }

    /// Adds the context to headers, unless they would be more than a message may have: a
    /// message is not lost for its trace.
    pub(crate) fn inject(&self, context: &Context, headers: &mut Headers) {
        let is_worth = sampled(context).is_some_and(|sampled| sampled || self.unsampled);
        if !is_worth {
            return;
        }
        let mut with_context = headers.clone();
        self.with_propagator(|it| it.inject_context(context, &mut Writer(&mut with_context)));
        if with_context.excess(self.limits).is_none() {
            *headers = with_context;
        }
    }

    /// The context of a message. `None` if it carries none, or one that cannot be read.
    pub(crate) fn extract(&self, headers: &Headers) -> Option<(Context, bool)> {
        if headers.is_empty() {
            return None;
        }
        let nothing = Context::new();
        let context =
            self.with_propagator(|it| it.extract_with_context(&nothing, &Reader(headers)));
        let sampled = sampled(&context)?;
        Some((context, sampled))
    }

    fn with_propagator<T>(&self, mut act: impl FnMut(&dyn TextMapPropagator) -> T) -> T {
        match &self.propagator {
            Some(propagator) => act(&**propagator),
            None => get_text_map_propagator(act),
        }
    }
}

/// Whether the span of a context is sampled. `None` without a span.
#[inline]
pub(crate) fn sampled(context: &Context) -> Option<bool> {
    if !context.has_active_span() {
        return None;
    }
    let span = context.span();
    let context = span.span_context();
    context.is_valid().then(|| context.is_sampled())
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field(
                "propagator",
                &self
                    .propagator
                    .as_ref()
                    .map(|it| it.fields().collect::<Vec<_>>()),
            )
            .field("destination", &self.destination)
            .field("start", &self.start)
            .field("unsampled", &self.unsampled)
            .finish_non_exhaustive()
    }
}

//! One span for many messages.

use aiomsg_core::Delivery;
use opentelemetry::trace::TraceContextExt;
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::settings::{Propagator, Settings};

/// Makes one span for a batch of messages, which links to the traces of all of them.
///
/// A span has one parent, and the messages of a batch come from many traces. So the span is a
/// child of the current one, or begins a trace. An SDK keeps 128 links of a span unless told
/// otherwise.
///
/// ```
/// use aiomsg::{Delivery, Identity};
/// use aiomsg_opentelemetry::BatchTrace;
///
/// let batch = [Delivery::new(Identity::random(), "one"), Delivery::new(Identity::random(), "two")];
/// let span = BatchTrace::new().destination("jobs").span(&batch);
/// span.in_scope(|| tracing::info!("all of them at once"));
/// ```
#[derive(Debug, Clone)]
pub struct BatchTrace(Settings);

const OPERATION: &str = "process";

impl BatchTrace {
    /// Reads contexts by the propagator of [`opentelemetry::global`].
    pub fn new() -> Self {
        Self(Settings::new(OPERATION))
    }

    /// Sets what reads the contexts, in place of the global propagator.
    #[must_use]
    pub fn propagator(mut self, propagator: Propagator) -> Self {
        self.0.propagator = Some(propagator);
        self
    }

    /// Names the destination, such as `jobs`: the span is `process jobs`.
    #[must_use]
    pub fn destination(mut self, name: impl AsRef<str>) -> Self {
        self.0.set_destination(OPERATION, name.as_ref());
        self
    }

    /// Makes the span of a batch, of the kind consumer, with a link for each message that
    /// carries the context of a sampled trace.
    pub fn span(&self, batch: &[Delivery]) -> Span {
        let span = tracing::info_span!(
            "process",
            otel.name = &*self.0.span_name,
            otel.kind = "consumer",
            otel.status_code = field::Empty,
            otel.status_description = field::Empty,
            messaging.system = "aiomsg",
            messaging.operation.name = OPERATION,
            messaging.operation.type = OPERATION,
            messaging.destination.name = self.0.destination.as_deref(),
            messaging.batch.message_count = batch.len(),
            error.type = field::Empty,
        );
        self.link(&span, batch);
        span
    }

    /// Adds the links to a span that there is already. Returns how many there were.
    pub fn link<'a>(&self, span: &Span, batch: impl IntoIterator<Item = &'a Delivery>) -> usize {
        let mut links = 0;
        for message in batch {
            if let Some((context, true)) = self.0.extract(message.headers()) {
                span.add_link(context.span().span_context().clone());
                links += 1;
            }
        }
        links
    }
}

impl Default for BatchTrace {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;

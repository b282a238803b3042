//! A subscriber whose spans end up here.

use std::sync::Arc;

use aiomsg_core::{Delivery, Identity};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{InMemorySpanExporter, Sampler, SdkTracerProvider, SpanData};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;

use crate::Propagator;

/// The trace, the parent and the flags of the W3C's own example.
pub(crate) const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
pub(crate) const NOT_SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

pub(crate) fn w3c() -> Propagator {
    Arc::new(TraceContextPropagator::new())
}

/// A message with a header.
pub(crate) fn carrying(name: &str, value: &str) -> Delivery {
    let mut headers = aiomsg_core::Headers::new();
    headers.insert(name, value).unwrap();
    Delivery::new(Identity::from([3; 16]), "job").with_headers(headers)
}

/// The spans of this thread, until it is dropped.
pub(crate) struct Traces {
    spans: InMemorySpanExporter,
    _provider: SdkTracerProvider,
    _subscribed: DefaultGuard,
}

impl Traces {
    pub(crate) fn all() -> Self {
        Self::sampled(Sampler::AlwaysOn)
    }

    pub(crate) fn sampled(root: Sampler) -> Self {
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(root)))
            .with_simple_exporter(spans.clone())
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let subscriber = tracing_subscriber::registry().with(layer);
        Self {
            spans,
            _provider: provider,
            _subscribed: tracing::subscriber::set_default(subscriber),
        }
    }

    /// The spans that have ended, in this order.
    pub(crate) fn ended(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().unwrap()
    }
}

/// An attribute as text.
pub(crate) fn attribute(span: &SpanData, name: &str) -> Option<String> {
    let mut all = span.attributes.iter();
    let found = all.find(|it| it.key.as_str() == name)?;
    Some(found.value.to_string())
}

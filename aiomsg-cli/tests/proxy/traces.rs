//! What headers carry over the proxy: the errors of handlers, and traces.

use std::future::IntoFuture;

use aiomsg::layer::{ReplyLayer, Requests};
use aiomsg::opentelemetry::{RequestTraceLayer, ServeTraceLayer, TraceLayer};
use bytes::Bytes;
use opentelemetry::trace::{SpanId, SpanKind, TracerProvider};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tracing::{Instrument, info_span};
use tracing_subscriber::layer::SubscriberExt;

use super::*;

/// Where it does not wait for the end of its time.
#[tokio::test]
async fn the_error_of_a_handler_reaches_the_asker() {
    let proxy = Proxy::start(&["--replies"]).await;
    let worker = proxy.consumer().await;
    let fails = service_fn(|_: Bytes| async { Err::<Bytes, _>("no such order: 7") });
    let handler = ServiceBuilder::new()
        .layer(ReplyLayer::new())
        .service(fails);
    let serving = tokio::spawn(worker.serve(handler).into_future());
    let requests = Requests::new().timeout(PATIENCE * 10);
    let asker = Socket::builder().receive_layer(requests.answers());
    let asker = asker.build().unwrap();
    asker.connect(&*proxy.frontend).unwrap();
    let asked = requests.layer().layer(asker.clone()).oneshot("7".into());
    let error = within("an answer", asked).await.unwrap_err();
    assert!(error.is_unhandled(), "{error}");
    assert_eq!(error.reason(), Some("no such order: 7"));
    serving.abort();
}

#[tokio::test]
async fn a_trace_of_request_and_reply_is_one_tree() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("shop"));
    // All tasks of this test are on this thread.
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(spans));
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());

    let proxy = Proxy::start(&["--replies", "--at-least-once", "both"]).await;
    let worker = proxy.consumer().await;
    let work = service_fn(|it: Bytes| async move { Ok::<_, aiomsg::Error>(it) });
    let handler = ServiceBuilder::new()
        .layer(ServeTraceLayer::new().destination("prices"))
        .layer(ReplyLayer::new())
        .service(work);
    let serving = tokio::spawn(worker.serve(handler).into_future());
    let requests = Requests::new();
    let asker = Socket::builder()
        .at_least_once()
        .layer(TraceLayer::new())
        .receive_layer(requests.answers())
        .build()
        .unwrap();
    asker.connect(&*proxy.frontend).unwrap();
    let ask = ServiceBuilder::new()
        .layer(RequestTraceLayer::new().destination("prices"))
        .layer(requests.layer())
        .service(asker.clone());
    let asked = ask
        .oneshot("what is it?".into())
        .instrument(info_span!("question"));
    assert_eq!(within("an answer", asked).await.unwrap(), "what is it?");
    serving.abort();

    let ended = exporter.get_finished_spans().unwrap();
    let mut parent = SpanId::INVALID;
    for (name, kind) in [
        ("question", SpanKind::Internal),
        ("request prices", SpanKind::Client),
        ("send", SpanKind::Producer),
        ("process prices", SpanKind::Consumer),
    ] {
        let span = ended.iter().find(|it| it.name == name);
        let span = span.unwrap_or_else(|| panic!("no {name} in {ended:#?}"));
        assert_eq!(
            (span.parent_span_id, &span.span_kind),
            (parent, &kind),
            "{name}"
        );
        parent = span.span_context.span_id();
    }
}

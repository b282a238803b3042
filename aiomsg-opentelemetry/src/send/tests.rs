use std::convert::Infallible;
use std::future::pending;

use aiomsg_core::{Error, ErrorKind, Identity, MessageId};
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::trace::Sampler;
use tower::{ServiceExt, service_fn};
use tracing::info_span;

use super::*;
use crate::test_traces::{Traces, attribute, w3c};

fn layer() -> TraceLayer {
    TraceLayer::new().propagator(w3c())
}

/// Sends a message, and returns it as the layer has made it.
async fn sent(layer: &TraceLayer, message: Outbound) -> Outbound {
    let echo = service_fn(|message: Outbound| async move { Ok::<_, Infallible>(message) });
    let Ok(sent) = layer.layer(echo).oneshot(message).await;
    sent
}

/// Within a span, with nobody else on this thread.
fn within<T>(span: Span, act: impl Future<Output = T>) -> T {
    let _entered = span.entered();
    at_once(act)
}

/// None of these futures waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(std::task::Waker::noop()))
    {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn the_header_is_the_context_of_the_span_byte_for_byte() {
    let traces = Traces::all();
    let message = within(info_span!("job"), sent(&layer(), "job".into()));
    let spans = traces.ended();
    let [send, job] = &spans[..] else {
        panic!("{spans:?}")
    };
    let expected = format!(
        "00-{}-{}-01",
        send.span_context.trace_id(),
        send.span_context.span_id()
    );
    assert_eq!(expected.len(), 55);
    assert_eq!(message.headers().get("traceparent"), Some(&*expected));
    // There is no empty tracestate.
    assert_eq!(message.headers().len(), 1);
    let wire = [b"\x0btraceparent\x00\x37", expected.as_bytes()].concat();
    assert_eq!(message.headers().as_bytes(), &wire);

    assert_eq!(send.parent_span_id, job.span_context.span_id());
    assert_eq!(send.span_context.trace_id(), job.span_context.trace_id());
}

#[test]
fn a_span_has_the_names_of_the_conventions() {
    let traces = Traces::all();
    let id = MessageId::from_bytes([7; 16]);
    let peer = Identity::from([2; 16]);
    let message = Outbound::new("12345").to(peer).with_id(id);
    within(info_span!("job"), sent(&layer(), message.clone()));
    within(
        info_span!("job"),
        sent(&layer().destination("jobs"), message),
    );

    let spans = traces.ended();
    let [send, _, named, _] = &spans[..] else {
        panic!("{spans:?}")
    };
    assert_eq!(send.name, "send");
    assert_eq!(send.span_kind, SpanKind::Producer);
    let has = |name: &str, value: &str| {
        assert_eq!(attribute(send, name).as_deref(), Some(value), "{name}");
    };
    has("messaging.system", "aiomsg");
    has("messaging.operation.name", "send");
    has("messaging.operation.type", "send");
    // Any subscriber logs it, so it is not the whole identity.
    has("messaging.destination.name", "02020202…");
    has("messaging.message.id", &id.to_string());
    has("messaging.message.body.size", "5");
    assert_eq!(attribute(send, "error.type"), None);

    assert_eq!(named.name, "send jobs");
    let destination = attribute(named, "messaging.destination.name");
    assert_eq!(destination.as_deref(), Some("jobs"));
}

#[test]
fn headers_of_the_user_stay_and_an_old_context_is_replaced() {
    let _traces = Traces::all();
    let message = Outbound::new("job")
        .header("priority", "high")
        .header("traceparent", crate::test_traces::TRACEPARENT);
    let message = within(info_span!("job"), sent(&layer(), message));
    assert_eq!(message.headers().get("priority"), Some("high"));
    let context = message.headers().get("traceparent").unwrap();
    assert_ne!(context, crate::test_traces::TRACEPARENT);
    assert_eq!(message.headers().len(), 2);
}

/// It belongs to another trace than the new parent.
#[test]
fn an_old_tracestate_does_not_stay() {
    let _traces = Traces::all();
    let message = Outbound::new("job")
        .header("traceparent", crate::test_traces::TRACEPARENT)
        .header("priority", "high")
        .header("tracestate", "rojo=00f067aa0ba902b7");
    let message = within(info_span!("job"), sent(&layer(), message));
    assert_eq!(message.headers().get("tracestate"), None);
    assert_eq!(message.headers().get("priority"), Some("high"));
    assert!(message.headers().get("traceparent").is_some());
    assert_eq!(message.headers().len(), 2);
}

#[test]
fn a_message_without_room_for_the_context_goes_without_it() {
    let traces = Traces::all();
    let limits = HeaderLimits {
        count: 1,
        ..HeaderLimits::default()
    };
    let full = Outbound::new("job").header("priority", "high");
    let layer = layer().header_limits(limits);
    let message = within(info_span!("job"), sent(&layer, full.clone()));
    assert_eq!(message, full);
    assert_eq!(traces.ended().len(), 2);
}

#[test]
fn a_failure_is_recorded_with_its_kind() {
    let traces = Traces::all();
    let full = service_fn(|_: Outbound| async {
        Err::<(), _>(Error::new(ErrorKind::Limit).with_reason("the queue is full"))
    });
    let boxed = service_fn(|_: Outbound| async {
        Err::<(), aiomsg_core::BoxError>(Box::new(Error::new(ErrorKind::Timeout)))
    });
    let foreign = service_fn(|_: Outbound| async { Err::<(), _>("no".to_owned()) });
    within(info_span!("job"), async {
        assert!(layer().layer(full).oneshot("job".into()).await.is_err());
        assert!(layer().layer(boxed).oneshot("job".into()).await.is_err());
        assert!(layer().layer(foreign).oneshot("job".into()).await.is_err());
    });
    let spans = traces.ended();
    let types: Vec<_> = spans[..3]
        .iter()
        .map(|it| attribute(it, "error.type").unwrap())
        .collect();
    assert_eq!(types, ["Limit", "Timeout", "_OTHER"]);
    assert_eq!(
        spans[0].status,
        Status::error("a limit is reached: the queue is full")
    );
}

#[test]
fn the_span_ends_with_a_dropped_future() {
    let traces = Traces::all();
    let never = service_fn(|_: Outbound| pending::<Result<(), Infallible>>());
    let mut sending = {
        let _entered = info_span!("job").entered();
        Box::pin(layer().layer(never).call("job".into()))
    };
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(sending.as_mut().poll(&mut cx).is_pending());
    let open = |traces: &Traces| !traces.ended().iter().any(|it| it.name == "send");
    assert!(open(&traces));
    drop(sending);
    assert!(!open(&traces));
}

/// So that a future that is kept after its end keeps no span open.
#[test]
fn the_span_ends_with_the_call() {
    let traces = Traces::all();
    let done = service_fn(|_: Outbound| async { Ok::<_, Infallible>(()) });
    let _entered = info_span!("job").entered();
    let mut sending = Box::pin(layer().layer(done).call("job".into()));
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(sending.as_mut().poll(&mut cx).is_ready());
    assert_eq!(traces.ended().len(), 1);
}

#[test]
fn a_message_outside_of_a_span_is_left_alone() {
    let traces = Traces::all();
    let message = at_once(sent(&layer(), "job".into()));
    assert_eq!(message, Outbound::new("job"));
    assert_eq!(traces.ended().len(), 0);
}

#[test]
fn a_share_of_the_messages_outside_of_spans_begins_traces() {
    let traces = Traces::all();
    let all = layer().start_traces(1.0);
    for _ in 0..3 {
        let message = at_once(sent(&all, "job".into()));
        assert_eq!(message.headers().len(), 1);
    }
    let mut ids: Vec<_> = traces
        .ended()
        .iter()
        .map(|it| it.span_context.trace_id())
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 3);

    for none in [0.0, -1.0, f64::NAN] {
        at_once(sent(&layer().start_traces(none), "job".into()));
    }
    assert_eq!(traces.ended().len(), 3);

    // Of 1000 messages, all or none by chance in less than one run of 10^300.
    let half = layer().start_traces(0.5);
    for _ in 0..1000 {
        at_once(sent(&half, "job".into()));
    }
    assert!((4..1003).contains(&traces.ended().len()));
}

#[test]
fn a_trace_that_is_not_sampled_costs_no_headers_unless_it_is_asked_for() {
    let traces = Traces::sampled(Sampler::AlwaysOff);
    let message = within(info_span!("job"), sent(&layer(), "job".into()));
    assert_eq!(message, Outbound::new("job"));

    let told = layer().propagate_unsampled(true);
    let message = within(info_span!("job"), sent(&told, "job".into()));
    let context = message.headers().get("traceparent").unwrap();
    assert!(context.ends_with("-00"), "{context}");
    assert_eq!(traces.ended().len(), 0);
}

/// Spans are those of `tracing`: there is no OpenTelemetry here.
#[test]
fn a_subscriber_without_opentelemetry_sees_the_span_and_the_message_has_no_context() {
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::{Context as Of, SubscriberExt};

    #[derive(Clone, Default)]
    struct Names(Arc<Mutex<Vec<&'static str>>>);
    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Names {
        fn on_new_span(
            &self,
            attributes: &tracing::span::Attributes<'_>,
            _: &tracing::span::Id,
            _: Of<'_, S>,
        ) {
            let name = attributes.metadata().name();
            self.0.lock().unwrap().push(name);
        }
    }

    let names = Names::default();
    let subscriber = tracing_subscriber::registry().with(names.clone());
    let _subscribed = tracing::subscriber::set_default(subscriber);
    let message = within(info_span!("job"), sent(&layer(), "job".into()));
    assert_eq!(message, Outbound::new("job"));
    assert_eq!(*names.0.lock().unwrap(), ["job", "send"]);
}

/// The layer reads no context of the thread then.
#[test]
fn a_layer_of_opentelemetry_that_activates_no_context_is_understood() {
    use opentelemetry::trace::TracerProvider;
    use tracing_subscriber::layer::SubscriberExt;

    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
    let otel = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("test"))
        .with_context_activation(false);
    let subscriber = tracing_subscriber::registry().with(otel);
    let _subscribed = tracing::subscriber::set_default(subscriber);
    let message = within(info_span!("job"), sent(&layer(), "job".into()));
    assert!(message.headers().get("traceparent").is_some());
}

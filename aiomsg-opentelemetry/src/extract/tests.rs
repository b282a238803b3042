use std::convert::Infallible;

use aiomsg_core::{Error, ErrorKind, Headers, Identity, Outbound};
use opentelemetry::trace::{SpanId, SpanKind, TraceState};
use opentelemetry_sdk::trace::Sampler;
use tower::{ServiceExt, service_fn};
use tracing::info_span;

use super::*;
use crate::TraceLayer;
use crate::test_traces::{NOT_SAMPLED, TRACEPARENT, Traces, attribute, carrying, w3c};

fn layer() -> ExtractTraceLayer {
    ExtractTraceLayer::new().propagator(w3c())
}

/// Handles a message, and makes a span meanwhile.
async fn handle(layer: &ExtractTraceLayer, message: Delivery) {
    let handler = service_fn(|_: Delivery| async {
        let _work = info_span!("work").entered();
        Ok::<_, Infallible>(())
    });
    let Ok(()) = layer.layer(handler).oneshot(message).await;
}

#[tokio::test]
async fn the_span_is_a_child_of_the_senders() {
    let traces = Traces::all();
    let message = carrying("traceparent", TRACEPARENT);
    handle(&layer().destination("jobs"), message).await;
    let spans = traces.ended();
    let [work, process] = &spans[..] else {
        panic!("{spans:?}")
    };
    assert_eq!(process.name, "process jobs");
    assert_eq!(process.span_kind, SpanKind::Consumer);
    assert_eq!(process.parent_span_id.to_string(), "00f067aa0ba902b7");
    assert!(process.parent_span_is_remote);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    assert_eq!(process.span_context.trace_id().to_string(), trace);
    assert_eq!(work.parent_span_id, process.span_context.span_id());
    assert_eq!(work.span_context.trace_id().to_string(), trace);

    let has = |name: &str, value: &str| {
        assert_eq!(attribute(process, name).as_deref(), Some(value), "{name}");
    };
    has("messaging.system", "aiomsg");
    has("messaging.operation.type", "process");
    has("messaging.destination.name", "jobs");
    has("messaging.message.body.size", "3");
    // Any subscriber logs it, so it is not the whole identity.
    has("messaging.client.id", "03030303…");
}

#[tokio::test]
async fn the_tracestate_is_kept_and_sent_on() {
    let _traces = Traces::all();
    let mut headers = Headers::new();
    headers.insert("traceparent", TRACEPARENT).unwrap();
    headers
        .insert("tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
        .unwrap();
    let message = Delivery::new(Identity::from([3; 16]), "job").with_headers(headers);
    let send = TraceLayer::new().propagator(w3c());
    let handler = service_fn(move |_: Delivery| {
        let echo = service_fn(|message: Outbound| async move { Ok::<_, Infallible>(message) });
        send.layer(echo).oneshot(Outbound::new("next"))
    });
    let Ok(sent) = layer().layer(handler).oneshot(message).await;
    let state = sent.headers().get("tracestate");
    assert_eq!(state, Some("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"));
    let context = sent.headers().get("traceparent").unwrap();
    assert_eq!(context[..35], TRACEPARENT[..35]);
    assert_ne!(context[36..52], TRACEPARENT[36..52]);
}

#[tokio::test]
async fn a_bad_context_counts_as_none() {
    let traces = Traces::all();
    for bad in [
        "",
        "00",
        "garbage",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e47360-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-zz",
        "00-äbf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ] {
        handle(&layer(), carrying("traceparent", bad)).await;
        let spans = traces.ended();
        let last = spans.last().unwrap();
        // The handler ran, in no span of a message.
        assert_eq!(last.name, "work", "{bad:?}");
        assert_eq!(last.parent_span_id.to_string(), "0000000000000000");
        assert!(spans.iter().all(|it| it.name == "work"), "{bad:?}");
    }
}

#[tokio::test]
async fn a_bad_tracestate_costs_itself() {
    let traces = Traces::all();
    let mut headers = Headers::new();
    headers.insert("traceparent", TRACEPARENT).unwrap();
    headers.insert("tracestate", "garbage").unwrap();
    let message = Delivery::new(Identity::from([3; 16]), "job").with_headers(headers);
    handle(&layer(), message).await;
    let process = &traces.ended()[1];
    assert_eq!(process.parent_span_id.to_string(), "00f067aa0ba902b7");
    assert_eq!(process.span_context.trace_state(), &TraceState::NONE);
}

#[tokio::test]
async fn nothing_within_a_trace_that_is_not_sampled_is_recorded() {
    let traces = Traces::all();
    handle(
        &layer().start_traces(1.0),
        carrying("traceparent", NOT_SAMPLED),
    )
    .await;
    assert_eq!(traces.ended().len(), 0);
}

#[tokio::test]
async fn a_message_without_a_context_begins_a_trace_if_it_shall() {
    let traces = Traces::all();
    let message = || carrying("priority", "high");
    handle(&layer(), message()).await;
    assert_eq!(traces.ended().len(), 1, "the work alone");
    handle(&layer().start_traces(1.0), message()).await;
    let spans = traces.ended();
    let [_, work, process] = &spans[..] else {
        panic!("{spans:?}")
    };
    assert_eq!(process.name, "process");
    assert_eq!(work.parent_span_id, process.span_context.span_id());
}

#[tokio::test]
async fn a_span_with_a_link_stays_in_the_trace_around_it() {
    let traces = Traces::all();
    {
        let _outer = info_span!("outer").entered();
        let message = carrying("traceparent", TRACEPARENT);
        let done = service_fn(|_: Delivery| std::future::ready(Ok::<_, Infallible>(())));
        let handling = layer().links(true).layer(done).call(message);
        drop(handling);
    }
    let spans = traces.ended();
    let [process, outer] = &spans[..] else {
        panic!("{spans:?}")
    };
    assert_eq!(process.parent_span_id, outer.span_context.span_id());
    let links: Vec<_> = process.links.iter().collect();
    let [link] = &links[..] else {
        panic!("{links:?}")
    };
    assert_eq!(link.span_context.span_id().to_string(), "00f067aa0ba902b7");
}

/// Otherwise a peer would switch off the receiver's traces of its messages.
#[tokio::test]
async fn with_links_a_trace_that_is_not_sampled_counts_as_none() {
    let traces = Traces::all();
    let message = || carrying("traceparent", NOT_SAMPLED);
    handle(&layer().links(true), message()).await;
    let spans = traces.ended();
    let [work] = &spans[..] else {
        panic!("{spans:?}")
    };
    assert_eq!(work.parent_span_id, SpanId::INVALID);

    handle(&layer().links(true).start_traces(1.0), message()).await;
    let spans = traces.ended();
    let [_, work, process] = &spans[..] else {
        panic!("{spans:?}")
    };
    assert_eq!(work.parent_span_id, process.span_context.span_id());
    assert_eq!(process.parent_span_id, SpanId::INVALID);
    assert_eq!(process.links.len(), 0);
    let theirs = &NOT_SAMPLED[3..35];
    assert_ne!(process.span_context.trace_id().to_string(), theirs);
}

#[tokio::test]
async fn with_links_the_sampler_of_the_receiver_decides() {
    let traces = Traces::sampled(Sampler::AlwaysOff);
    let layer = layer().links(true).start_traces(1.0);
    for context in [TRACEPARENT, NOT_SAMPLED] {
        handle(&layer, carrying("traceparent", context)).await;
    }
    assert_eq!(traces.ended().len(), 0);
}

#[tokio::test]
async fn the_operation_of_a_receive_path_is_receive() {
    let traces = Traces::all();
    let layer = layer().destination("jobs").receiving();
    handle(&layer, carrying("traceparent", TRACEPARENT)).await;
    let receive = &traces.ended()[1];
    assert_eq!(receive.name, "receive jobs");
    assert_eq!(receive.span_kind, SpanKind::Client);
    let operation = attribute(receive, "messaging.operation.type");
    assert_eq!(operation.as_deref(), Some("receive"));
}

#[tokio::test]
async fn a_failure_is_recorded() {
    let traces = Traces::all();
    let failing = service_fn(|_: Delivery| async { Err::<(), _>(Error::new(ErrorKind::Payload)) });
    let message = carrying("traceparent", TRACEPARENT);
    let failed = layer().layer(failing).oneshot(message).await;
    assert!(failed.is_err_and(|error| error.is_payload()));
    let error = attribute(&traces.ended()[0], "error.type");
    assert_eq!(error.as_deref(), Some("Payload"));
}

use std::convert::Infallible;

use tower::{ServiceExt, service_fn};

use super::*;
use crate::test_traces::{NOT_SAMPLED, TRACEPARENT, Traces, carrying, w3c};

fn layer() -> ServeTraceLayer {
    ServeTraceLayer::new().propagator(w3c())
}

async fn reply(layer: &ServeTraceLayer, message: Delivery) -> TracedReply<&'static str> {
    let handler = service_fn(|_: Delivery| async { Ok::<_, Infallible>("done") });
    let Ok(reply) = layer.layer(handler).oneshot(message).await;
    reply
}

#[tokio::test]
async fn the_reply_carries_the_context_of_the_span_of_its_request() {
    let traces = Traces::all();
    let reply = reply(&layer(), carrying("traceparent", TRACEPARENT)).await;
    let spans = traces.ended();
    let [process] = &spans[..] else {
        panic!("{spans:?}")
    };
    let expected = format!(
        "{}-{}-01",
        &TRACEPARENT[..35],
        process.span_context.span_id()
    );
    assert_eq!(reply.reply_headers().get("traceparent"), Some(&*expected));
    assert_eq!(reply.into_reply().as_deref(), Some(&b"done"[..]));
}

#[tokio::test]
async fn a_reply_outside_of_a_sampled_trace_has_no_headers() {
    let _traces = Traces::all();
    for message in [
        carrying("traceparent", NOT_SAMPLED),
        carrying("traceparent", "garbage"),
        carrying("priority", "high"),
    ] {
        let reply = reply(&layer(), message).await;
        assert!(reply.reply_headers().is_empty());
        assert_eq!(reply.into_inner(), "done");
    }
}

#[tokio::test]
async fn a_reply_without_room_for_the_context_goes_without_it() {
    let _traces = Traces::all();
    let none = HeaderLimits {
        count: 0,
        ..HeaderLimits::default()
    };
    let layer = layer().header_limits(none);
    let reply = reply(&layer, carrying("traceparent", TRACEPARENT)).await;
    assert!(reply.reply_headers().is_empty());
}

#[test]
fn an_optional_reply_keeps_its_headers() {
    let mut headers = Headers::new();
    headers.insert("traceparent", TRACEPARENT).unwrap();
    let reply = TracedReply {
        reply: "done",
        headers: headers.clone(),
    };
    assert_eq!(Some(reply).reply_headers(), headers);
    assert!(None::<TracedReply<()>>.reply_headers().is_empty());
}

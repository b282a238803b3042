use super::*;
use crate::test_traces::{NOT_SAMPLED, TRACEPARENT, Traces, attribute, carrying, w3c};

#[test]
fn one_span_links_to_the_traces_of_all_messages() {
    let traces = Traces::all();
    let other = "00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b8-01";
    let batch = [
        carrying("traceparent", TRACEPARENT),
        carrying("traceparent", "garbage"),
        carrying("traceparent", other),
        carrying("traceparent", NOT_SAMPLED),
    ];
    drop(
        BatchTrace::new()
            .propagator(w3c())
            .destination("jobs")
            .span(&batch),
    );
    let spans = traces.ended();
    let [span] = &spans[..] else {
        panic!("{spans:?}")
    };
    assert_eq!(span.name, "process jobs");
    let links: Vec<_> = span
        .links
        .iter()
        .map(|it| it.span_context.span_id().to_string())
        .collect();
    assert_eq!(links, ["00f067aa0ba902b7", "00f067aa0ba902b8"]);
    let count = attribute(span, "messaging.batch.message_count");
    assert_eq!(count.as_deref(), Some("4"));
}

#[test]
fn a_span_that_there_is_gets_links() {
    let traces = Traces::all();
    let span = tracing::info_span!("nightly");
    let batch = [
        carrying("traceparent", TRACEPARENT),
        carrying("priority", "high"),
    ];
    let links = BatchTrace::new().propagator(w3c()).link(&span, &batch);
    assert_eq!(links, 1);
    drop(span);
    assert_eq!(traces.ended()[0].links.len(), 1);
}

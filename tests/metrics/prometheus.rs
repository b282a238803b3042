//! The page of metrics-exporter-prometheus, as a Prometheus parser reads it.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use aiomsg::metrics::{BUCKETS, MetricsLayer, SocketMetrics};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use serde::Deserialize;

use super::support::python::{Package, interpreter};
use super::*;

#[derive(Debug, Deserialize)]
struct Family {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    help: String,
    samples: Vec<Sample>,
}

#[derive(Debug, Deserialize)]
struct Sample {
    name: String,
    labels: HashMap<String, String>,
    value: f64,
}

/// Parses a page with the parser of Python's `prometheus_client`.
fn parse(page: &str) -> HashMap<String, Family> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let mut parser = Command::new(interpreter(Package::PrometheusClient))
        .arg(folder.join("prometheus_text.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Standard input is dropped here, and so at its end.
    parser
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    let output = parser.wait_with_output().unwrap();
    assert!(output.status.success(), "not parsed:\n{page}");
    let families: Vec<Family> = serde_json::from_slice(&output.stdout).unwrap();
    families
        .into_iter()
        .map(|it| (it.name.clone(), it))
        .collect()
}

#[tokio::test]
async fn the_page_of_an_exporter_is_parsed() {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Prefix("aiomsg_".into()), BUCKETS)
        .unwrap();
    let recorder = builder.build_recorder();
    let (server, endpoint) = bound().await;
    let (client, metrics) = metrics::with_local_recorder(&recorder, || {
        let builder = Socket::builder().layer(MetricsLayer::send());
        let client = builder.build().unwrap();
        let metrics = SocketMetrics::with_labels(&client, &[("socket", "a \"b\"")]);
        (client, metrics)
    });
    client.connect(endpoint).unwrap();
    client.send("hello").await.unwrap();
    within("it", server.recv()).await.unwrap();
    metrics.collect();

    let families = parse(&recorder.handle().render());
    let family = |name: &str| families.get(name).unwrap_or_else(|| panic!("no {name}"));
    let only = |name: &str| match &family(name).samples[..] {
        [sample] => sample,
        other => panic!("{other:?}"),
    };
    // The parser takes `_total` off the name of a counter.
    assert_eq!(family("aiomsg_sent_messages").kind, "counter");
    assert_eq!(
        family("aiomsg_sent_messages").help,
        "messages given to a connection"
    );
    let sent = only("aiomsg_sent_messages");
    assert_eq!(
        (&sent.name[..], sent.value),
        ("aiomsg_sent_messages_total", 1.0)
    );
    assert_eq!(sent.labels["socket"], "a \"b\"", "escaped and read back");
    assert_eq!(only("aiomsg_layer_bytes").value, 5.0);
    assert_eq!(family("aiomsg_peers").kind, "gauge");
    assert_eq!(only("aiomsg_peers").value, 1.0);

    let handshake = family("aiomsg_handshake_seconds");
    assert_eq!(handshake.kind, "histogram");
    let of_dials = |it: &&Sample| {
        (it.labels["direction"] == "dial" && it.labels["dialect"] == "v1")
            && it.name == "aiomsg_handshake_seconds_bucket"
    };
    let buckets: Vec<_> = handshake.samples.iter().filter(of_dials).collect();
    assert_eq!(buckets.len(), BUCKETS.len() + 1);
    let last = buckets.iter().find(|it| it.labels["le"] == "+Inf").unwrap();
    assert_eq!(last.value, 1.0);

    for family in families.values() {
        assert!(family.name.starts_with("aiomsg_"), "{}", family.name);
        assert!(!family.help.is_empty(), "{}", family.name);
        let ends_in_unit = |unit| family.name.ends_with(unit);
        assert_eq!(family.kind == "histogram", ends_in_unit("_seconds"));
    }
}

//! The table of `docs/observability.md` and the real metrics are the same.

use std::collections::{BTreeMap, BTreeSet};

use aiomsg::metrics::{MetricsLayer, SocketMetrics};
use metrics::Unit;
use metrics_util::MetricKind;

use super::*;

/// What a row says, and what a recorder is told.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    kind: String,
    unit: String,
    labels: BTreeSet<String>,
    means: String,
}

#[tokio::test]
async fn the_table_is_complete_and_true() {
    let page = include_str!("../../docs/observability.md");
    let documented: BTreeMap<_, _> = page.lines().filter_map(row).collect();
    let socket = Socket::new().unwrap();
    let (metrics, series) = recorded(|| {
        MetricsLayer::send();
        MetricsLayer::receive();
        SocketMetrics::new(&socket)
    });
    metrics.collect();
    let mut real = BTreeMap::new();
    for (key, unit, means, _) in series.snapshotter.snapshot().into_vec() {
        let kind = match key.kind() {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let unit = match unit.expect("a unit") {
            Unit::Count => "messages",
            Unit::Bytes => "bytes",
            Unit::Seconds => "seconds",
            other => panic!("{other:?} is no base unit"),
        };
        let name = key.key().name().to_owned();
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        let labels = key.key().labels().map(|it| it.key().to_owned());
        let row = Row {
            kind: kind.to_owned(),
            unit: unit.to_owned(),
            labels: labels.collect(),
            means: means.expect("a description").to_string(),
        };
        if let Some(other) = real.insert(name.clone(), row) {
            assert_eq!(other, real[&name], "all series have the same labels");
        }
    }
    // What is counted is the word of the table, and `Unit` knows messages only as a count.
    for (name, row) in &mut real {
        if row.unit == "messages" && !name.contains("messages") {
            row.unit = documented.get(name).map_or("", |it| &it.unit).to_owned();
        }
    }
    assert_eq!(documented, real);
}

/// `` | `name` | type | unit | `label`, `label` | meaning | ``
fn row(line: &str) -> Option<(String, Row)> {
    let cells = line.strip_prefix("| `aiomsg_")?.split('|').map(str::trim);
    let cells: Vec<_> = cells.collect();
    let [name, kind, unit, labels, means, ""] = &cells[..] else {
        panic!("not five cells: {line}");
    };
    let labels = labels.split('`').skip(1).step_by(2).map(str::to_owned);
    let row = Row {
        kind: (*kind).to_owned(),
        unit: (*unit).to_owned(),
        labels: labels.collect(),
        means: (*means).to_owned(),
    };
    Some((format!("aiomsg_{}", name.trim_end_matches('`')), row))
}

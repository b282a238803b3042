//! Metrics, by a recorder that keeps them and by an exporter whose page a Prometheus parser
//! reads.

#![cfg(feature = "metrics")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics fails, which is what is wanted"
)]

mod documented;
mod layer;
#[cfg(unix)] // Where the environments of Python have this layout.
mod prometheus;
mod socket;
#[cfg(unix)]
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "each test binary includes all of it and uses a part"
)]
#[path = "../support/mod.rs"]
mod support;
mod timings;

use std::collections::HashMap;
use std::time::Duration;

use aiomsg::{Endpoint, Event, Events, Socket};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

const PATIENCE: Duration = Duration::from_secs(20);

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// A socket bound to loopback TCP.
async fn bound() -> (Socket, Endpoint) {
    let socket = Socket::new().unwrap();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    (socket, endpoint)
}

/// Waits for an event.
async fn event(events: &mut Events, what: &str, is: impl Fn(&Event) -> bool) {
    within(what, async {
        while !is(&events.next().await.expect("the socket is open")) {}
    })
    .await;
}

/// Makes something whose handles go to a recorder of its own.
fn recorded<T>(make: impl FnOnce() -> T) -> (T, Series) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let made = metrics::with_local_recorder(&recorder, make);
    let series = Series {
        snapshotter,
        seen: HashMap::new(),
    };
    (made, series)
}

/// All that a recorder has got. A series is named as on a page: `name{label="value",…}`.
struct Series {
    snapshotter: Snapshotter,
    seen: HashMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Counter(u64),
    Gauge(f64),
    Histogram(Vec<f64>),
}

impl Series {
    /// Reads what has been recorded. The recorder is empty afterwards, so that values of a
    /// histogram add up here, and a gauge or counter that is not set again is 0 the next time.
    fn look(&mut self) {
        for (key, _, _, value) in self.snapshotter.snapshot().into_vec() {
            let labels = key.key().labels();
            let mut labels: Vec<_> = labels
                .map(|it| format!("{}={:?}", it.key(), it.value()))
                .collect();
            labels.sort_unstable();
            let name = match labels.is_empty() {
                true => key.key().name().to_owned(),
                false => format!("{}{{{}}}", key.key().name(), labels.join(",")),
            };
            let value = match (value, self.seen.remove(&name)) {
                (DebugValue::Counter(value), _) => Value::Counter(value),
                (DebugValue::Gauge(value), _) => Value::Gauge(value.into_inner()),
                (DebugValue::Histogram(more), old) => {
                    let mut all = match old {
                        Some(Value::Histogram(old)) => old,
                        _ => Vec::new(),
                    };
                    all.extend(more.into_iter().map(f64::from));
                    Value::Histogram(all)
                }
            };
            self.seen.insert(name, value);
        }
    }

    fn value(&self, name: &str) -> Value {
        let value = self.seen.get(name).cloned();
        value.unwrap_or_else(|| panic!("no {name} among {:#?}", self.seen.keys()))
    }

    fn counter(&self, name: &str) -> u64 {
        match self.value(name) {
            Value::Counter(value) => value,
            other => panic!("{name} is {other:?}"),
        }
    }

    fn gauge(&self, name: &str) -> f64 {
        match self.value(name) {
            Value::Gauge(value) => value,
            other => panic!("{name} is {other:?}"),
        }
    }

    fn histogram(&self, name: &str) -> Vec<f64> {
        match self.value(name) {
            Value::Histogram(values) => values,
            other => panic!("{name} is {other:?}"),
        }
    }
}

//! The metrics at `/metrics`, for Prometheus.
//!
//! All labels have few, known values: no peer has one of its own.

use std::time::Duration;

use ::metrics::{counter, gauge, histogram, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use metrics_process::Collector as Process;
use tokio::time::sleep;

use super::describe::describe;
use super::facts;
use super::status::Spool;
use crate::proxy::control::State;
use crate::proxy::counts::read;
use crate::proxy::limits::Limits;
use crate::proxy::shared::Proxy;
use crate::proxy::side::Side;
use crate::proxy::view::{Standing, View};

/// A recorder of our own: a request reads the counters of the sockets, and counting costs
/// nothing in between.
pub(super) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    process: Process,
}

/// How often the times are summed up. They pile up in between.
const UPKEEP: Duration = Duration::from_secs(5);

/// The bounds of the buckets of times, in seconds.
const BUCKETS: [f64; 14] = [
    0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0,
];

impl Metrics {
    pub(super) fn new(proxy: &Proxy) -> Self {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS);
        // There are some.
        let builder = builder.unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let process = Process::default();
        let until = proxy.settings().forwarded_when();
        let times = with_local_recorder(&recorder, || {
            describe();
            process.describe();
            histogram!("aiomsg_proxy_forward_seconds", "until" => until)
        });
        proxy.counts.times.note_in(times);
        Self {
            handle: recorder.handle(),
            recorder,
            process,
        }
    }

    /// Bounds the memory of the times while nobody asks. Runs for as long as it is polled.
    pub(super) async fn keep_up(&self) {
        loop {
            sleep(UPKEEP).await;
            self.handle.run_upkeep();
        }
    }

    pub(super) fn render(&self, proxy: &Proxy) -> String {
        with_local_recorder(&self.recorder, || {
            self.process.collect();
            let views = proxy.views();
            record_proxy(proxy, &views);
            let settings = proxy.settings();
            let [frontend, backend] = &views;
            for (side, view, limits) in [
                (&proxy.frontend, frontend, &settings.frontend.limits),
                (&proxy.backend, backend, &settings.backend.limits),
            ] {
                record_side(side, view);
                record_limits(side, limits);
            }
            if let Some(spool) = &proxy.spool {
                record_spool(&spool.status());
            }
        });
        self.handle.render()
    }
}

fn record_limits(side: &Side, limits: &Limits) {
    for (place, room) in limits.rooms() {
        gauge!("aiomsg_limit_messages", "side" => side.name, "place" => place)
            .set(room.items as f64);
        gauge!("aiomsg_limit_bytes", "side" => side.name, "place" => place).set(room.bytes as f64);
    }
}

fn record_proxy(proxy: &Proxy, views: &[View; 2]) {
    let settings = proxy.settings();
    gauge!(
        "aiomsg_build_info",
        "version" => env!("CARGO_PKG_VERSION"),
        "rust_version" => env!("CARGO_PKG_RUST_VERSION"),
    )
    .set(1.0);
    gauge!(
        "aiomsg_proxy_info",
        "version" => env!("CARGO_PKG_VERSION"),
        "mode" => facts::mode(&settings),
        "at_least_once" => facts::at_least_once(&settings).unwrap_or("none"),
    )
    .set(1.0);
    let state = proxy.control.state().name();
    for it in [State::Running, State::Paused, State::Draining] {
        let is_so = it.name() == state;
        gauge!("aiomsg_proxy_state", "state" => it.name()).set(f64::from(u8::from(is_so)));
    }
    let ready = proxy.not_ready(views).is_none();
    gauge!("aiomsg_proxy_ready").set(f64::from(u8::from(ready)));
    gauge!("aiomsg_proxy_uptime_seconds").set(proxy.started.elapsed().as_secs_f64().floor());
    let counts = &proxy.counts;
    for (direction, way) in [("onward", &counts.messages), ("back", &counts.replies)] {
        counter!("aiomsg_proxy_taken_total", "direction" => direction).absolute(read(&way.taken));
        counter!("aiomsg_proxy_forwarded_total", "direction" => direction)
            .absolute(read(&way.forwarded));
    }
    counter!("aiomsg_proxy_unacknowledged_total").absolute(read(&counts.messages.unacknowledged));
    counter!("aiomsg_proxy_unanswerable_total").absolute(read(&counts.unanswerable));
    counter!("aiomsg_proxy_reloads_total", "result" => "done").absolute(read(&counts.reloads));
    counter!("aiomsg_proxy_reloads_total", "result" => "failed")
        .absolute(read(&counts.failed_reloads));
    for drop in facts::drops(proxy) {
        counter!("aiomsg_dropped_messages_total", "side" => drop.side, "reason" => drop.reason)
            .absolute(drop.count);
    }
}

fn record_spool(spool: &Spool) {
    for (metric, value) in [
        ("aiomsg_spool_messages", spool.messages),
        ("aiomsg_spool_bytes", spool.bytes),
        (
            "aiomsg_spool_oldest_seconds",
            spool.oldest_seconds.unwrap_or(0),
        ),
        ("aiomsg_spool_dead_messages", spool.dead_messages),
        ("aiomsg_spool_dead_bytes", spool.dead_bytes),
        ("aiomsg_spool_disk_bytes", spool.disk_bytes),
        ("aiomsg_spool_working", u64::from(spool.failure.is_none())),
    ] {
        gauge!(metric).set(value as f64);
    }
    for (metric, value) in [
        ("aiomsg_spool_acknowledged_total", spool.acknowledged),
        (
            "aiomsg_spool_damaged_messages_total",
            spool.damaged_messages,
        ),
        (
            "aiomsg_spool_unreadable_places_total",
            spool.unreadable_places,
        ),
    ] {
        counter!(metric).absolute(value);
    }
}

fn record_side(side: &Side, View { peers, places }: &View) {
    let name = side.name;
    let stats = side.socket.stats();
    let (inbox_messages, inbox_bytes) = side.inbox();
    for state in Standing::NAMES {
        let count = places.iter().filter(|(_, it)| it.name() == state).count();
        gauge!("aiomsg_endpoints", "side" => name, "state" => state).set(count as f64);
    }
    let longest = peers.iter().map(|it| it.queued_messages).max();
    let largest = peers.iter().map(|it| it.queued_bytes).max();
    for (metric, value) in [
        ("aiomsg_peers", peers.len()),
        ("aiomsg_inbox_messages", inbox_messages),
        ("aiomsg_inbox_bytes", inbox_bytes),
        ("aiomsg_buffered_messages", stats.buffered_messages),
        ("aiomsg_buffered_bytes", stats.buffered_bytes),
        (
            "aiomsg_unacknowledged_messages",
            stats.unacknowledged_messages,
        ),
        ("aiomsg_unacknowledged_bytes", stats.unacknowledged_bytes),
        (
            "aiomsg_queued_messages",
            peers.iter().map(|it| it.queued_messages).sum(),
        ),
        (
            "aiomsg_queued_bytes",
            peers.iter().map(|it| it.queued_bytes).sum(),
        ),
        ("aiomsg_longest_queue_messages", longest.unwrap_or(0)),
        ("aiomsg_longest_queue_bytes", largest.unwrap_or(0)),
    ] {
        gauge!(metric, "side" => name).set(value as f64);
    }
    for (metric, value) in [
        ("aiomsg_received_messages_total", stats.received_messages),
        ("aiomsg_received_bytes_total", stats.received_bytes),
        ("aiomsg_sent_messages_total", stats.sent_messages),
        ("aiomsg_sent_bytes_total", stats.sent_bytes),
        ("aiomsg_connections_total", stats.connections),
        ("aiomsg_failed_connections_total", stats.failed_connections),
    ] {
        counter!(metric, "side" => name).absolute(value);
    }
}

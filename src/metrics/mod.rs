//! Metrics of sockets and of their layers, for any recorder of the
//! [`metrics`](https://docs.rs/metrics) crate.
//!
//! - [`SocketMetrics`] reads the counters of a socket, and records how long its handshakes,
//!   acknowledgements and handlers take. It costs a sent message nothing. The clock is read twice
//!   for each message that [`Socket::serve`](crate::Socket::serve) handles, and under
//!   at-least-once each batch of acknowledgements makes a list of times.
//! - [`MetricsLayer`] is a tower layer around the send path, the receive path or a handler. It
//!   counts the messages that pass there, their bytes and their errors, and records how long
//!   the calls take.
//!
//! Handles are taken from the recorder once, when the two are made: install the recorder
//! before. All labels have few, known values; no peer has one of its own.
//!
//! `docs/observability.md` lists all metrics. Those that the proxy of the command exports,
//! too, have the same names there.
//!
//! ```
//! use std::time::Duration;
//!
//! use aiomsg::Socket;
//! use aiomsg::metrics::{BUCKETS, MetricsLayer, SocketMetrics};
//! use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let recorder = PrometheusBuilder::new()
//!     .set_buckets_for_metric(Matcher::Prefix("aiomsg_".into()), BUCKETS)?
//!     .build_recorder();
//! let page = recorder.handle();
//! metrics::set_global_recorder(recorder)?;
//!
//! // The times of the histograms pile up until they are summed up: by `render`, or here.
//! let upkeep = page.clone();
//! tokio::spawn(async move {
//!     let mut ticks = tokio::time::interval(Duration::from_secs(5));
//!     loop {
//!         ticks.tick().await;
//!         upkeep.run_upkeep();
//!     }
//! });
//!
//! let socket = Socket::builder().layer(MetricsLayer::send()).build()?;
//! let metrics = SocketMetrics::new(&socket);
//! socket.send("hello").await?;
//!
//! metrics.collect(); // for each request of the page
//! assert!(page.render().contains("\naiomsg_buffered_messages 1\n"));
//! # Ok(()) }
//! ```

mod catalogue;
mod future;
mod layer;
mod pace;
mod registry;
mod service;
mod socket;
mod spare;
mod tally;
mod timings;

pub use future::MetricsFuture;
pub use layer::{Direction, MetricsLayer};
pub use service::{Metrics, Payload};
pub use socket::SocketMetrics;

/// Bounds of the buckets for histograms of seconds, from 10 µs to 30 s: an exporter has its own
/// unless they are set.
pub const BUCKETS: &[f64] = &[
    0.000_01, 0.000_03, 0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0,
];

/// Describes all metrics to the current recorder. [`SocketMetrics`] and [`MetricsLayer`] do
/// this when they are made.
pub fn describe() {
    metrics::with_recorder(|recorder| {
        for metric in catalogue::ALL {
            metric.describe(recorder);
        }
    });
}

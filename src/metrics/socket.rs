use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aiomsg_core::{DropReason, ErrorKind};
use metrics::{Counter, Gauge, IntoLabels};
use tokio::time::{MissedTickBehavior, interval};

use super::catalogue::{
    BUFFERED, BUFFERED_BYTES, CONNECTIONS, DROPPED, FAILED_CONNECTIONS, HEADERLESS, INBOX,
    INBOX_BYTES, LONGEST_QUEUE, LONGEST_QUEUE_BYTES, Metric, PEERS, QUEUED_BYTES, QUEUED_MESSAGES,
    RECEIVED_BYTES, RECEIVED_MESSAGES, REFUSED, RESENT, SENT_BYTES, SENT_MESSAGES, UNACKNOWLEDGED,
    UNACKNOWLEDGED_BYTES,
};
use super::describe;
use super::registry::Registry;
use super::timings::Histograms;
use crate::Socket;
use crate::stats::{FailuresByKind, Stats};

/// The metrics of a socket, which it does not keep alive.
///
/// [`collect`](Self::collect) reads the counters of the socket: call it for each request of an
/// exporter that is asked, or let [`every`](Self::every) do so now and then for one that pushes.
/// Between these calls, counting costs nothing. Histograms of handshakes, acknowledgements and
/// handlers are filled as they happen: see the [module](super) for what that costs.
///
/// ```
/// use std::time::Duration;
///
/// use aiomsg::Socket;
/// use aiomsg::metrics::SocketMetrics;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
/// let socket = Socket::new()?;
/// let metrics = SocketMetrics::with_labels(&socket, &[("socket", "jobs")]);
/// tokio::spawn(metrics.every(Duration::from_secs(10)));
/// # Ok(()) }
/// ```
pub struct SocketMetrics {
    /// The numbers of the socket, while it is there.
    read: Box<dyn Fn() -> Option<Reading> + Send + Sync>,
    gauges: Gauges,
    counters: Counters,
}

impl SocketMetrics {
    /// Creates the metrics of a socket, with handles from the current recorder. A program with
    /// several sockets gives them [labels](Self::with_labels), or they share their series.
    ///
    /// They become the [listener of its timings](Socket::on_timings). If the socket has one
    /// already, its histograms stay with that one.
    pub fn new<S: Send + 'static>(socket: &Socket<S>) -> Self {
        Self::with_labels(socket, Vec::new())
    }

    /// The same, with labels that tell the sockets of a program apart.
    pub fn with_labels<S: Send + 'static>(socket: &Socket<S>, labels: impl IntoLabels) -> Self {
        describe();
        let registry = Registry::new(labels.into_labels());
        socket.on_timings(Arc::new(Histograms::new(&registry)));
        let weak = socket.downgrade();
        Self {
            read: Box::new(move || weak.upgrade().map(|socket| Reading::of(&socket))),
            gauges: Gauges::new(&registry),
            counters: Counters::new(&registry),
        }
    }

    /// Sets the counters and gauges to what the socket says now, and returns whether it is still
    /// there. When it is not, its last handle has been dropped: the gauges are 0, and the
    /// counters stay.
    ///
    /// It takes as long as [`Socket::peer_stats`], which asks each peer.
    pub fn collect(&self) -> bool {
        let reading = (self.read)();
        if let Some(reading) = &reading {
            self.counters.set(&reading.stats);
        }
        let there = reading.is_some();
        self.gauges.set(&reading.unwrap_or_default());
        there
    }

    /// Collects at once, and then each `period`, until the last handle of the socket has been
    /// dropped.
    ///
    /// # Panics
    ///
    /// If `period` is zero, or outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends collecting.
    pub async fn every(self, period: Duration) {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if !self.collect() {
                return;
            }
        }
    }
}

impl fmt::Debug for SocketMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketMetrics").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Reading {
    stats: Stats,
    queued_messages: usize,
    queued_bytes: usize,
    longest_queue: usize,
    longest_queue_bytes: usize,
}

impl Reading {
    fn of<S>(socket: &Socket<S>) -> Self {
        let peers = socket.peer_stats();
        Self {
            stats: socket.stats(),
            queued_messages: peers.iter().map(|it| it.queued_messages).sum(),
            queued_bytes: peers.iter().map(|it| it.queued_bytes).sum(),
            longest_queue: peers.iter().map(|it| it.queued_messages).max().unwrap_or(0),
            longest_queue_bytes: peers.iter().map(|it| it.queued_bytes).max().unwrap_or(0),
        }
    }
}

/// Reads one of the numbers.
type Value<R, T> = fn(&R) -> T;

struct Gauges([(Gauge, Value<Reading, usize>); 11]);

impl Gauges {
    fn new(registry: &Registry) -> Self {
        let gauge = |metric: &Metric, value: Value<Reading, usize>| (registry.gauge(metric), value);
        Self([
            gauge(&PEERS, |it| it.stats.peers),
            gauge(&INBOX, |it| it.stats.unreceived_messages),
            gauge(&INBOX_BYTES, |it| it.stats.unreceived_bytes),
            gauge(&BUFFERED, |it| it.stats.buffered_messages),
            gauge(&BUFFERED_BYTES, |it| it.stats.buffered_bytes),
            gauge(&UNACKNOWLEDGED, |it| it.stats.unacknowledged_messages),
            gauge(&UNACKNOWLEDGED_BYTES, |it| it.stats.unacknowledged_bytes),
            gauge(&QUEUED_MESSAGES, |it| it.queued_messages),
            gauge(&QUEUED_BYTES, |it| it.queued_bytes),
            gauge(&LONGEST_QUEUE, |it| it.longest_queue),
            gauge(&LONGEST_QUEUE_BYTES, |it| it.longest_queue_bytes),
        ])
    }

    fn set(&self, reading: &Reading) {
        for (gauge, value) in &self.0 {
            gauge.set(value(reading) as f64);
        }
    }
}

struct Counters {
    plain: [(Counter, Value<Stats, u64>); 8],
    drops: Vec<(DropReason, Counter)>,
    failures: [(ByKind, Value<Stats, FailuresByKind>); 2],
}

type ByKind = Vec<(ErrorKind, Counter)>;

impl Counters {
    fn new(registry: &Registry) -> Self {
        let counter = |metric: &Metric, value: Value<Stats, u64>| {
            let counter = registry.counter(metric, []);
            (counter, value)
        };
        let drops = DropReason::ALL.iter().map(|&reason| {
            let labels = [("reason", reason.name())];
            (reason, registry.counter(&DROPPED, labels))
        });
        let failures = |direction| {
            let kinds = ErrorKind::ALL.iter().map(|&kind| {
                let labels = [("direction", direction), ("reason", kind.name())];
                (kind, registry.counter(&FAILED_CONNECTIONS, labels))
            });
            kinds.collect()
        };
        Self {
            plain: [
                counter(&RECEIVED_MESSAGES, |it| it.received_messages),
                counter(&RECEIVED_BYTES, |it| it.received_bytes),
                counter(&SENT_MESSAGES, |it| it.sent_messages),
                counter(&SENT_BYTES, |it| it.sent_bytes),
                counter(&REFUSED, |it| it.refused_messages),
                counter(&RESENT, |it| it.resent_messages),
                counter(&HEADERLESS, |it| it.headers_left_out),
                counter(&CONNECTIONS, |it| it.connections),
            ],
            drops: drops.collect(),
            failures: [
                (failures("dial"), |it| it.failed_dials),
                (failures("accept"), |it| it.failed_accepts),
            ],
        }
    }

    fn set(&self, stats: &Stats) {
        for (counter, value) in &self.plain {
            counter.absolute(value(stats));
        }
        for (reason, counter) in &self.drops {
            counter.absolute(stats.drops.of(*reason));
        }
        for (counters, value) in &self.failures {
            for (kind, counter) in counters {
                counter.absolute(value(stats).of(*kind));
            }
        }
    }
}

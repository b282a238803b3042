//! Collects the status.

use std::sync::Arc;
use std::time::Duration;

use aiomsg::parts::vocabulary::sync::Mutex;
use bytes::Bytes;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::facts::{at_least_once, drops, mode, reasons};
use super::history::{self, History, Totals, rate};
use super::metrics::Metrics;
use super::peers::Peers;
use super::status::{Place, Side, Spool, Status, Way};
use crate::common::identity;
use crate::proxy::counts::{self, read};
use crate::proxy::shared::Proxy;
use crate::proxy::side;

/// Looks at the proxy once a second, however many ask.
pub(super) struct Collector {
    pub(super) proxy: Arc<Proxy>,
    pub(super) metrics: Metrics,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    history: History,
    producers: Peers,
    consumers: Peers,
    /// What consumers had acknowledged of the spool.
    acknowledged: Option<u64>,
    /// The last status, and the same in JSON.
    status: Option<Status>,
    json: Bytes,
}

impl Seen {
    fn note(&mut self, status: Status) {
        // It has nothing in it that JSON has not.
        self.json = serde_json::to_vec(&status).unwrap_or_default().into();
        self.status = Some(status);
    }
}

impl Collector {
    pub(super) fn new(proxy: Arc<Proxy>) -> Self {
        let collector = Self {
            proxy,
            metrics: Metrics::new(),
            seen: Mutex::default(),
        };
        collector.look(history::STEP);
        collector
    }

    /// Runs for as long as the proxy does.
    pub(super) async fn run(self: Arc<Self>) {
        let mut ticks = interval(history::STEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        let mut last = Instant::now();
        loop {
            ticks.tick().await;
            self.look(last.elapsed());
            last = Instant::now();
        }
    }

    /// The status in JSON, as it was at the last look.
    pub(super) fn status(&self) -> Bytes {
        let seen = self.seen.lock();
        seen.json.clone()
    }

    /// Looks anew, without a step of time: after something was changed.
    pub(super) fn refresh(&self) {
        let mut seen = self.seen.lock();
        if let Some(mut status) = seen.status.take() {
            status.state = self.proxy.control.state().name().to_owned();
            status.not_ready = self.proxy.not_ready();
            seen.note(status);
        }
    }

    fn look(&self, took: Duration) {
        let proxy = &*self.proxy;
        let settings = proxy.settings();
        let mut seen = self.seen.lock();
        let (messages, answers) = (&proxy.counts.messages, &proxy.counts.replies);
        let drops = drops(proxy);
        let totals = Totals {
            messages: read(&messages.forwarded),
            answers: read(&answers.forwarded),
            dropped: drops.iter().map(|drop| drop.count).sum(),
        };
        seen.history.add(totals, took);
        let (message_rate, answer_rate) = seen.history.now();
        let producers = seen.producers.look(&proxy.frontend.socket, took);
        let consumers = seen.consumers.look(&proxy.backend.socket, took);
        let spool = proxy.spool.as_ref().map(|it| it.status());
        let spool = spool.map(|it| {
            let before = seen.acknowledged.replace(it.acknowledged);
            let acknowledged_rate = rate(before.unwrap_or(it.acknowledged), it.acknowledged, took);
            Spool {
                acknowledged_rate,
                ..it
            }
        });
        let status = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: proxy.control.state().name().to_owned(),
            not_ready: proxy.not_ready(),
            uptime_seconds: proxy.started.elapsed().as_secs(),
            mode: mode(&settings).to_owned(),
            at_least_once: at_least_once(&settings).map(str::to_owned),
            replies: settings.replies,
            messages: way(messages, message_rate),
            answers: way(answers, answer_rate),
            frontend: show_side(&proxy.frontend, producers),
            backend: show_side(&proxy.backend, consumers),
            spool,
            drops,
            reasons: reasons(proxy),
            history: seen.history.show(),
        };
        seen.note(status);
    }
}

fn way(way: &counts::Way, rate: f64) -> Way {
    Way {
        taken: read(&way.taken),
        forwarded: read(&way.forwarded),
        unacknowledged: read(&way.unacknowledged),
        rate,
    }
}

fn show_side(side: &side::Side, (peer_count, peers): (usize, Vec<super::status::Peer>)) -> Side {
    let stats = side.socket.stats();
    let endpoints = side.places().into_iter().map(|place| Place {
        endpoint: place.endpoint().to_string(),
        listens: place.listens(),
        error: match &place.at {
            Err(error) => Some(error.clone()),
            Ok(endpoint) => side.dial_error(endpoint),
        },
    });
    Side {
        identity: identity::show(side.socket.identity()),
        endpoints: endpoints.collect(),
        received_messages: stats.received_messages,
        sent_messages: stats.sent_messages,
        received_bytes: stats.received_bytes,
        sent_bytes: stats.sent_bytes,
        inbox: stats.unreceived_messages,
        buffered: stats.buffered_messages,
        unacknowledged: stats.unacknowledged_messages,
        connections: stats.connections,
        failed_connections: stats.failed_connections,
        peer_count,
        peers,
    }
}

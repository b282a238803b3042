//! Collects the status.

use std::sync::Arc;
use std::time::Duration;

use aiomsg::parts::vocabulary::sync::Mutex;
use bytes::Bytes;
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::facts::{at_least_once, drops, mode, reasons};
use super::history::{self, History, Totals, rate};
use super::metrics::Metrics;
use super::peers::{self, Peers};
use super::query::Query;
use super::status::{Page, Place, Side, Spool, Status, Way};
use crate::common::identity;
use crate::proxy::counts::{self, read};
use crate::proxy::shared::Proxy;
use crate::proxy::side;
use crate::proxy::view::Standing;

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
        self.json = json(&status);
        self.status = Some(status);
    }
}

impl Collector {
    pub(super) fn new(proxy: Arc<Proxy>) -> Self {
        let collector = Self {
            metrics: Metrics::new(&proxy),
            proxy,
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

    /// The same, with the peers that are asked for. Their number stays that of all.
    pub(super) fn status_with(&self, query: &Query) -> Bytes {
        let seen = self.seen.lock();
        let Some(mut status) = seen.status.clone() else {
            return Bytes::new();
        };
        (_, status.frontend.peers) = seen.producers.page(query);
        (_, status.backend.peers) = seen.consumers.page(query);
        drop(seen);
        json(&status)
    }

    /// A page of connections in JSON.
    pub(super) fn peers(&self, query: &Query) -> Bytes {
        match query.closed {
            true => self.closed_peers(query),
            false => self.open_peers(query),
        }
    }

    /// Why the proxy is not ready now.
    pub(super) fn not_ready(&self) -> Option<String> {
        self.proxy.not_ready(&self.proxy.views())
    }

    fn open_peers(&self, query: &Query) -> Bytes {
        let seen = self.seen.lock();
        let asked = |side: &side::Side| query.side.as_deref().is_none_or(|it| it == side.name);
        let (frontend, backend) = (&self.proxy.frontend, &self.proxy.backend);
        let all: Vec<_> = [(frontend, &seen.producers), (backend, &seen.consumers)]
            .into_iter()
            .filter(|(side, _)| asked(side))
            .collect();
        let (total, peers) = peers::page(&all, query);
        drop(seen);
        json(&Page {
            total,
            offset: query.offset,
            peers,
        })
    }

    fn closed_peers(&self, query: &Query) -> Bytes {
        let (frontend, backend) = (self.proxy.frontend.closed(), self.proxy.backend.closed());
        let mut closed = [frontend, backend].concat();
        closed.retain(|it| query.wants_closed(it));
        closed.sort_by_key(|it| it.seconds_ago);
        let total = closed.len();
        let page = closed.into_iter().skip(query.offset).take(query.limit);
        json(&Page {
            total,
            offset: query.offset,
            peers: page.collect(),
        })
    }

    /// Looks anew, without a step of time: after something was changed.
    pub(super) fn refresh(&self) {
        let mut seen = self.seen.lock();
        if let Some(mut status) = seen.status.take() {
            status.state = self.proxy.control.state().name().to_owned();
            status.not_ready = self.not_ready();
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
        let views = proxy.views();
        let not_ready = proxy.not_ready(&views);
        let [frontend, backend] = views;
        seen.producers.note(frontend.peers, took);
        seen.consumers.note(backend.peers, took);
        let busiest = Query::default();
        let producers = seen.producers.page(&busiest);
        let consumers = seen.consumers.page(&busiest);
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
            not_ready,
            uptime_seconds: proxy.started.elapsed().as_secs(),
            mode: mode(&settings).to_owned(),
            at_least_once: at_least_once(&settings).map(str::to_owned),
            replies: settings.replies,
            messages: way(messages, message_rate),
            answers: way(answers, answer_rate),
            frontend: show_side(&proxy.frontend, frontend.places, producers),
            backend: show_side(&proxy.backend, backend.places, consumers),
            spool,
            drops,
            reasons: reasons(proxy),
            history: seen.history.show(),
        };
        seen.note(status);
    }
}

/// It has nothing in it that JSON has not.
fn json(of: &impl Serialize) -> Bytes {
    serde_json::to_vec(of).unwrap_or_default().into()
}

fn way(way: &counts::Way, rate: f64) -> Way {
    Way {
        taken: read(&way.taken),
        forwarded: read(&way.forwarded),
        unacknowledged: read(&way.unacknowledged),
        rate,
    }
}

fn show_side(
    side: &side::Side,
    places: Vec<(side::Place, Standing)>,
    (peer_count, peers): (usize, Vec<super::status::Peer>),
) -> Side {
    let stats = side.socket.stats();
    let endpoints = places.into_iter().map(|(place, standing)| {
        let state = standing.name().to_owned();
        let (duplicate_of, error) = match standing {
            Standing::Up => (None, None),
            Standing::DuplicateOf(other) => (Some(other.to_string()), None),
            Standing::Down(error) => (None, Some(error)),
        };
        Place {
            endpoint: place.endpoint().to_string(),
            listens: place.listens(),
            state,
            duplicate_of,
            error,
        }
    });
    Side {
        identity: identity::show(side.socket.identity()),
        endpoints: endpoints.collect(),
        received_messages: stats.received_messages,
        sent_messages: stats.sent_messages,
        received_bytes: stats.received_bytes,
        sent_bytes: stats.sent_bytes,
        inbox: side.inbox().0,
        buffered: stats.buffered_messages,
        unacknowledged: stats.unacknowledged_messages,
        connections: stats.connections,
        failed_connections: stats.failed_connections,
        peer_count,
        peers,
    }
}

//! What the socket tells.

use super::*;
use aiomsg::builder::Dialect;
use futures::FutureExt;

#[tokio::test]
async fn peers_come_and_go() {
    let server = Socket::new().unwrap();
    let mut events = server.events();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let listening = event(&mut events, "listening", |event| match event {
        Event::Listening { endpoint } => Some(endpoint),
        _ => None,
    })
    .await;
    assert_eq!(listening, endpoint);
    assert_ne!(endpoint.port(), Some(0));

    let client = Socket::new().unwrap();
    client.connect(endpoint.clone()).unwrap();
    let peer = event(&mut events, "peer up", |event| match event {
        Event::PeerUp { peer } => Some(peer),
        _ => None,
    })
    .await;
    assert_eq!(&peer.identity, client.identity());
    assert_eq!(peer.dialect, Dialect::V1);
    assert_eq!(peer.endpoint, endpoint);
    assert!(!peer.dialled);
    assert_eq!(server.peers().len(), 1);
    assert!(client.peers()[0].dialled);

    client.close(PATIENCE).await;
    let (peer, reason) = event(&mut events, "peer down", |event| match event {
        Event::PeerDown { peer, reason } => Some((peer, reason)),
        _ => None,
    })
    .await;
    assert_eq!(&peer.identity, client.identity());
    assert!(reason.is_disconnected());
    assert!(
        reason.to_string().contains("closed the connection"),
        "{reason}"
    );
    assert!(server.peers().is_empty());
}

#[tokio::test]
async fn tries_to_connect_that_fail() {
    let (server, endpoint) = bound().await;
    server.close(PATIENCE).await;
    let client = Socket::new().unwrap();
    let mut events = client.events();
    client.connect(endpoint.clone()).unwrap();
    let (at, error) = event(&mut events, "a failure", |event| match event {
        Event::DialFailed {
            endpoint, error, ..
        } => Some((endpoint, error)),
        _ => None,
    })
    .await;
    assert_eq!(at, endpoint);
    assert!(error.is_io(), "{error}");
    assert!(
        error.to_string().starts_with(&endpoint.to_string()),
        "{error}"
    );
}

/// Pitfall 32: a consumer of events that does not read blocks the socket.
#[tokio::test]
async fn a_listener_that_does_not_listen_costs_itself_only() {
    let server = Socket::builder().event_capacity(4).build().unwrap();
    let mut events = server.events();
    let endpoint = server.bind("mem://slow-listener").await.unwrap();
    for _ in 0..20 {
        let client = Socket::new().unwrap();
        client.connect(endpoint.clone()).unwrap();
        within("a client", server.wait_for_peers(1)).await.unwrap();
        client.close(PATIENCE).await;
        within("nobody", async {
            while server.stats().peers > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    let Event::Missed { count } = events.next().await.unwrap() else {
        panic!("the first thing to hear is how much was missed");
    };
    assert!(count >= 36, "{count}");
    server.close(PATIENCE).await;
    while events.next().now_or_never().expect("no waiting").is_some() {}
}

#[tokio::test]
async fn events_end_with_a_socket_that_is_dropped_and_not_closed() {
    let (server, endpoint) = bound().await;
    let mut events = server.events();
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    within("a client", server.wait_for_peers(1)).await.unwrap();
    drop(server);
    within("the end", async { while events.next().await.is_some() {} }).await;
}

#[tokio::test]
async fn counters_count() {
    let (server, endpoint) = bound().await;
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    for _ in 0..100 {
        client.send("12345").await.unwrap();
    }
    for _ in 0..100 {
        within("a message", server.recv()).await.unwrap();
    }
    let (sent, received) = (client.stats(), server.stats());
    assert_eq!((sent.sent_messages, sent.sent_bytes), (100, 500));
    assert_eq!(
        (received.received_messages, received.received_bytes),
        (100, 500)
    );
    assert_eq!((sent.connections, received.connections), (1, 1));
}

/// Counts what is logged, and notes how many drops the lines tell of.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    all: usize,
    /// Lines about drops that are the first of their kind.
    firsts: usize,
    drops: Vec<u64>,
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("aiomsg")
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut lines = self.0.lock().unwrap();
        lines.all += 1;
        let before = lines.drops.len();
        event.record(&mut More(&mut lines.drops));
        let is_first = lines.drops.len() == before;
        let warns = *event.metadata().level() == tracing::Level::WARN;
        lines.firsts += usize::from(warns && is_first);
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

struct More<'a>(&'a mut Vec<u64>);

impl tracing::field::Visit for More<'_> {
    fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn std::fmt::Debug) {}

    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        if field.name() == "more" {
            self.0.push(value);
        }
    }
}

/// Pitfall 33: a line for each message that was dropped flooded the log, just
/// when it was needed.
#[tokio::test(start_paused = true)]
async fn many_drops_are_few_lines_in_the_log() {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let socket = Socket::builder()
        .overflow(aiomsg::builder::Overflow::DropOldest)
        .buffer_limits(aiomsg::Limits {
            items: 1,
            bytes: 1 << 20,
        })
        .build()
        .unwrap();
    for _ in 0..3 {
        for _ in 0..1000 {
            socket.send("for nobody").await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(61)).await;
    }
    assert_eq!(socket.stats().dropped_messages, 2999);
    // One at once, and one a minute, which tells of those since the one before.
    let lines = log.0.lock().unwrap();
    assert_eq!(lines.firsts, 1);
    assert_eq!(lines.drops, [998, 1000, 1000]);
    assert!(lines.all < 10, "{} lines at all levels", lines.all);
}

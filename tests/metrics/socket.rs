//! What a socket counts.

use aiomsg::builder::Overflow;
use aiomsg::metrics::SocketMetrics;
use aiomsg::{AckMode, Limits};

use super::*;

#[tokio::test]
async fn traffic_and_connections_are_counted() {
    let (server, endpoint) = bound().await;
    let (metrics, mut series) = recorded(|| SocketMetrics::new(&server));
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    client.send("hello").await.unwrap();
    within("it", server.recv()).await.unwrap();
    client.send("again").await.unwrap();
    within("it", async {
        while server.stats().unreceived_messages == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;

    assert!(metrics.collect());
    series.look();
    assert_eq!(series.counter("aiomsg_received_messages_total"), 2);
    assert_eq!(series.counter("aiomsg_received_bytes_total"), 10);
    assert_eq!(series.counter("aiomsg_sent_messages_total"), 0);
    assert_eq!(series.counter("aiomsg_connections_total"), 1);
    assert_eq!(series.gauge("aiomsg_peers"), 1.0);
    assert_eq!(series.gauge("aiomsg_inbox_messages"), 1.0);
    assert_eq!(
        series.gauge("aiomsg_inbox_bytes"),
        server.stats().unreceived_bytes as f64
    );
    assert!(server.stats().unreceived_bytes >= "again".len());
}

/// Limits in bytes are reached before those in messages, and only the proxy showed how near
/// they were.
#[tokio::test]
async fn bytes_that_wait_are_shown_with_their_messages() {
    let socket = Socket::builder().at_least_once().build().unwrap();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    let (metrics, mut series) = recorded(|| SocketMetrics::new(&socket));
    for payload in ["four", "seven.."] {
        let message = aiomsg::Outbound::new(payload).header("n", "1");
        socket.send_message(message).await.unwrap();
    }
    // A header has 3 bytes besides its name and value.
    let sent = 4.0 + 7.0 + 2.0 * 5.0;
    metrics.collect();
    series.look();
    let waiting = |series: &Series| {
        ["buffered", "unacknowledged", "longest_queue"]
            .map(|place| series.gauge(&format!("aiomsg_{place}_bytes")))
    };
    assert_eq!(waiting(&series), [sent, sent, 0.0]);

    // They leave, and wait for their acknowledgements alone.
    let silent = Socket::builder()
        .ack_mode(AckMode::Handled)
        .build()
        .unwrap();
    silent.connect(endpoint).unwrap();
    let _first = within("it", silent.recv_message()).await.unwrap();
    let _second = within("it", silent.recv_message()).await.unwrap();
    metrics.collect();
    series.look();
    assert_eq!(waiting(&series), [0.0, sent, 0.0]);

    // One peer takes nothing more, and its queue fills.
    let one = Limits { items: 1, bytes: 1 };
    let (publisher, endpoint) = bound().await;
    let (metrics, mut series) = recorded(|| SocketMetrics::new(&publisher));
    let slow = Socket::builder().receive_limits(one).build().unwrap();
    slow.connect(endpoint).unwrap();
    within("the peer", publisher.wait_for_peers(1))
        .await
        .unwrap();
    let sending = tokio::spawn({
        let publisher = publisher.clone();
        async move { while publisher.send(vec![b'x'; 100_000]).await.is_ok() {} }
    });
    within("a full queue", async {
        loop {
            metrics.collect();
            series.look();
            let bytes = series.gauge("aiomsg_longest_queue_bytes");
            if bytes >= 1_000_000.0 {
                assert_eq!(bytes, series.gauge("aiomsg_queued_bytes"));
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    sending.abort();
}

#[tokio::test]
async fn waiting_and_dropped_messages_are_counted() {
    let limits = Limits {
        items: 2,
        bytes: 1 << 20,
    };
    let builder = Socket::builder().buffer_limits(limits);
    let socket = builder.overflow(Overflow::DropOldest).build().unwrap();
    let labels = [("socket", "news")];
    let (metrics, mut series) = recorded(|| SocketMetrics::with_labels(&socket, &labels));
    for payload in ["one", "two", "three"] {
        socket.send(payload).await.unwrap();
    }
    metrics.collect();
    series.look();
    let news = r#"{socket="news"}"#;
    assert_eq!(
        series.gauge(&format!("aiomsg_buffered_messages{news}")),
        2.0
    );
    let drops = |reason: &str| {
        let labels = format!(r#"{{reason="{reason}",socket="news"}}"#);
        series.counter(&format!("aiomsg_dropped_messages_total{labels}"))
    };
    assert_eq!((drops("overflow"), drops("peer_gone")), (1, 0));
}

/// Nobody listens at the endpoint, and somebody comes who speaks no protocol of ours.
#[tokio::test]
async fn failed_connections_are_counted_by_direction_and_reason() {
    use tokio::io::AsyncWriteExt;

    let (server, endpoint) = bound().await;
    let (of_server, mut accepts) = recorded(|| SocketMetrics::new(&server));
    let mut events = server.events();
    let address = endpoint.to_string().replace("tcp://", "");
    let mut stranger = tokio::net::TcpStream::connect(&address).await.unwrap();
    stranger.write_all(&[0; 300]).await.unwrap();
    let failed = |it: &Event| matches!(it, Event::AcceptFailed { .. });
    event(&mut events, "the failure", failed).await;
    of_server.collect();
    accepts.look();
    let stats = server.stats();
    let (kind, count) = stats.failed_accepts.iter().find(|(_, it)| *it > 0).unwrap();
    assert_eq!((count, stats.failed_connections), (1, 1));
    let labels = format!(r#"{{direction="accept",reason="{}"}}"#, kind.name());
    let name = format!("aiomsg_failed_connections_total{labels}");
    assert_eq!(accepts.counter(&name), 1);

    drop(server);
    let client = Socket::new().unwrap();
    let (of_client, mut dials) = recorded(|| SocketMetrics::new(&client));
    let mut events = client.events();
    client.connect(endpoint).unwrap();
    let failed = |it: &Event| matches!(it, Event::DialFailed { .. });
    event(&mut events, "the failure", failed).await;
    of_client.collect();
    dials.look();
    let name = r#"aiomsg_failed_connections_total{direction="dial",reason="io"}"#;
    assert!(dials.counter(name) >= 1);
    let name = r#"aiomsg_failed_connections_total{direction="accept",reason="io"}"#;
    assert_eq!(dials.counter(name), 0);
}

/// A peer that takes a message, does not acknowledge it and goes leaves it to the next one.
#[tokio::test]
async fn resends_and_unacknowledged_messages_are_counted() {
    let client = Socket::builder().at_least_once().build().unwrap();
    let endpoint = client.bind("127.0.0.1:0").await.unwrap();
    let (metrics, mut series) = recorded(|| SocketMetrics::new(&client));
    let silent = Socket::builder()
        .ack_mode(AckMode::Handled)
        .build()
        .unwrap();
    silent.connect(endpoint.clone()).unwrap();
    client.send("hello").await.unwrap();
    let _unacknowledged = within("it", silent.recv_message()).await.unwrap();
    metrics.collect();
    series.look();
    assert_eq!(series.gauge("aiomsg_unacknowledged_messages"), 1.0);
    assert_eq!(series.counter("aiomsg_resent_messages_total"), 0);

    drop(silent);
    let (next, acknowledged) = (Socket::new().unwrap(), async {
        while client.stats().unacknowledged_messages > 0 {
            tokio::task::yield_now().await;
        }
    });
    next.connect(endpoint).unwrap();
    within("it", next.recv()).await.unwrap();
    within("its acknowledgement", acknowledged).await;
    metrics.collect();
    series.look();
    assert_eq!(series.gauge("aiomsg_unacknowledged_messages"), 0.0);
    assert_eq!(series.counter("aiomsg_resent_messages_total"), 1);
}

/// A collector holds no handle: the socket ends, and its gauges with it.
#[tokio::test]
async fn a_collector_does_not_keep_its_socket_alive() {
    let (server, endpoint) = bound().await;
    let (metrics, mut series) = recorded(|| SocketMetrics::new(&server));
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    client.send("hello").await.unwrap();
    within("it", server.recv()).await.unwrap();
    assert!(metrics.collect());
    series.look();
    assert_eq!(series.gauge("aiomsg_peers"), 1.0);
    let mut events = client.events();
    drop(server);
    assert!(!metrics.collect());
    series.look();
    assert_eq!(series.gauge("aiomsg_peers"), 0.0);
    let down = |it: &Event| matches!(it, Event::PeerDown { .. });
    event(&mut events, "the end of the server", down).await;
}

#[tokio::test(start_paused = true)]
async fn collecting_now_and_then_ends_with_the_socket() {
    let socket = Socket::new().unwrap();
    let (metrics, mut series) = recorded(|| SocketMetrics::new(&socket));
    let collecting = tokio::spawn(metrics.every(Duration::from_secs(10)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    series.look();
    assert_eq!(series.gauge("aiomsg_buffered_messages"), 0.0);
    socket.send("hello").await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    series.look();
    assert_eq!(series.gauge("aiomsg_buffered_messages"), 1.0);
    assert!(!collecting.is_finished());
    drop(socket);
    within("the end", collecting).await.unwrap();
    series.look();
    assert_eq!(series.gauge("aiomsg_buffered_messages"), 0.0);
}

//! The smallest and the largest value of every setting.

use super::*;
use aiomsg::layer::Requests;
use aiomsg::{Delivery, Error, Limits, Outbound, SocketBuilder};
use std::future::IntoFuture;
use tower::service_fn;

/// What comes of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    /// Messages pass.
    Works,
    /// `build` refuses it, and names the setting.
    Refused,
    /// It is built, opened and closed, and no message passes.
    Idle,
}
use Then::{Idle, Refused, Works};

type Set<T> = fn(SocketBuilder, T) -> SocketBuilder;

const NANO: Duration = Duration::from_nanos(1);

/// By setting, what comes of 0, of 1, and of the largest value.
const TIMES: [(&str, Set<Duration>, [Then; 3]); 9] = [
    (
        "ack_timeout",
        SocketBuilder::ack_timeout,
        [Refused, Refused, Works],
    ),
    ("absent_timeout", SocketBuilder::absent_timeout, [Works; 3]),
    (
        "dialect_patience",
        SocketBuilder::dialect_patience,
        [Works; 3],
    ),
    // Longer than the timeout, which must be longer.
    ("heartbeat", SocketBuilder::heartbeat_interval, [Refused; 3]),
    (
        "heartbeat",
        SocketBuilder::heartbeat_timeout,
        [Refused, Refused, Works],
    ),
    (
        "handshake_timeout",
        SocketBuilder::handshake_timeout,
        [Refused, Refused, Works],
    ),
    (
        "reconnect_good_after",
        SocketBuilder::reconnect_good_after,
        [Works; 3],
    ),
    (
        "resolve_interval",
        SocketBuilder::resolve_interval,
        [Refused, Refused, Works],
    ),
    (
        "takeover_timeout",
        SocketBuilder::takeover_timeout,
        [Works; 3],
    ),
];

const LIMITS: [(&str, Set<Limits>, [Then; 3]); 5] = [
    (
        "unacknowledged_limits",
        SocketBuilder::unacknowledged_limits,
        [Refused, Works, Works],
    ),
    (
        "peer_limits",
        SocketBuilder::peer_limits,
        [Refused, Works, Works],
    ),
    (
        "buffer_limits",
        SocketBuilder::buffer_limits,
        [Refused, Works, Works],
    ),
    ("absent_limits", SocketBuilder::absent_limits, [Works; 3]),
    (
        "receive_limits",
        SocketBuilder::receive_limits,
        [Refused, Works, Works],
    ),
];

const COUNTS: [(&str, Set<usize>, [Then; 3]); 7] = [
    (
        "max_message_size",
        SocketBuilder::max_message_size,
        [Idle, Works, Works],
    ),
    (
        "max_incomplete_bytes",
        SocketBuilder::max_incomplete_bytes,
        [Refused, Works, Works],
    ),
    (
        "max_pending_handshakes",
        SocketBuilder::max_pending_handshakes,
        [Refused, Works, Works],
    ),
    (
        "max_pending_handshakes_per_address",
        SocketBuilder::max_pending_handshakes_per_address,
        [Refused, Works, Works],
    ),
    (
        "max_peers",
        SocketBuilder::max_peers,
        [Refused, Works, Works],
    ),
    (
        "event_capacity",
        SocketBuilder::event_capacity,
        [Refused, Works, Works],
    ),
    ("event_bytes", SocketBuilder::event_bytes, [Works; 3]),
];

const SMALL_COUNTS: [(&str, Set<u32>, [Then; 3]); 2] = [
    ("max_resends", SocketBuilder::max_resends, [Works; 3]),
    ("backlog", SocketBuilder::backlog, [Works; 3]),
];

fn builder() -> SocketBuilder {
    Socket::builder().reconnect_delay(|_| Duration::from_millis(10))
}

async fn tried<T: Copy + std::fmt::Debug>(table: &[(&str, Set<T>, [Then; 3])], values: [T; 3]) {
    for (name, set, then) in table {
        for (value, then) in values.into_iter().zip(*then) {
            let in_memory = format!("mem://extreme-{name}");
            for over in ["127.0.0.1:0", &in_memory] {
                let what = format!("{name}({value:?}) over {over}");
                let both = [(); 2].map(|()| set(builder(), value).at_least_once().build());
                let [server, client] = match both {
                    [Ok(server), Ok(client)] => [server, client],
                    [Err(error), _] | [_, Err(error)] => {
                        assert_eq!(then, Refused, "{what}: {error}");
                        assert!(error.is_config(), "{what}: {error}");
                        assert!(error.to_string().contains(name), "{what}: {error}");
                        continue;
                    }
                };
                assert_ne!(then, Refused, "{what} is built");
                within(&what, passes(&server, &client, over, then)).await;
            }
        }
    }
}

async fn passes(server: &Socket, client: &Socket, over: &str, then: Then) {
    let _listening = (server.events(), client.events());
    client.connect(server.bind(over).await.unwrap()).unwrap();
    if then == Idle {
        assert!(client.send("x").await.unwrap_err().is_too_large());
    } else {
        client.wait_for_peers(1).await.unwrap();
        for _ in 0..3 {
            let (sent, got) = tokio::join!(client.send_acked("x"), server.recv_identity());
            sent.unwrap();
            let (from, _) = got.unwrap();
            let (sent, got) = tokio::join!(server.send_to(from, "y"), client.recv());
            sent.unwrap();
            assert_eq!(got.unwrap(), "y");
        }
    }
    let report = client.close(Duration::MAX).await;
    assert!(report.is_clean(), "{report:?}");
    server.close(Duration::ZERO).await;
}

#[tokio::test]
async fn each_time_works_or_is_refused() {
    tried(&TIMES, [Duration::ZERO, NANO, Duration::MAX]).await;
}

#[tokio::test]
async fn each_limit_works_or_is_refused() {
    let all = |n| Limits { items: n, bytes: n };
    tried(&LIMITS, [all(0), all(1), all(usize::MAX)]).await;
}

#[tokio::test]
async fn each_count_works_or_is_refused() {
    tried(&COUNTS, [0, 1, usize::MAX]).await;
    tried(&SMALL_COUNTS, [0, 1, u32::MAX]).await;
}

/// One that is not refused for its own sake, but beside another.
#[tokio::test]
async fn the_longest_times_between_heartbeats_overflow_nothing() {
    let longest = || {
        let builder = builder().heartbeat_timeout(Duration::MAX);
        builder
            .heartbeat_interval(Duration::MAX - NANO)
            .at_least_once()
    };
    let (server, client) = (longest().build().unwrap(), longest().build().unwrap());
    within("a message", passes(&server, &client, "127.0.0.1:0", Works)).await;
}

#[tokio::test]
async fn what_is_given_to_calls_may_be_as_extreme() {
    let (server, client) = (builder().build().unwrap(), builder().build().unwrap());
    client
        .connect(server.bind("127.0.0.1:0").await.unwrap())
        .unwrap();
    client.wait_for_peers(0).await.unwrap();
    client.send("1").await.unwrap();
    client.send("2").await.unwrap();
    let mut got = Vec::new();
    within("all", async {
        assert_eq!(server.recv_many(&mut got, 0).await.unwrap(), 0);
        while got.len() < 2 {
            server.recv_many(&mut got, usize::MAX).await.unwrap();
        }
    })
    .await;
    let requests = Requests::new().limit(0).timeout(Duration::MAX);
    let layer = requests.answers();
    let asker = builder().receive_layer(layer).build().unwrap();
    for concurrency in [0, usize::MAX] {
        let echo = service_fn(|it: Delivery| async move { Ok::<_, Error>(it.into_payload()) });
        let shutdown = client.send(concurrency.to_string());
        let serving = server.serve(echo).concurrency(concurrency);
        shutdown.await.unwrap();
        let serving = tokio::spawn(serving.into_future());
        let echoed = within("an echo", client.recv()).await.unwrap();
        assert_eq!(echoed, concurrency.to_string());
        serving.abort();
        let _ = serving.await;
    }
    let delays = [Duration::ZERO, Duration::MAX];
    for delay in delays {
        let socket = Socket::builder().reconnect_delay(move |_| delay).build();
        let socket = socket.unwrap();
        socket.connect("mem://nobody").unwrap();
        socket.send_message(Outbound::new("x")).await.unwrap();
        let report = within("closing", socket.close(Duration::from_millis(10))).await;
        assert_eq!(report.unsent.len(), 1);
    }
    drop(asker);
}

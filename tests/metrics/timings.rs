//! How long things take, as a listener hears it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aiomsg::metrics::SocketMetrics;
use aiomsg::stats::Timings;
use aiomsg::{Delivery, Error};

use super::*;

#[tokio::test]
async fn handshakes_are_timed_at_both_ends() {
    let (server, endpoint) = bound().await;
    let client = Socket::new().unwrap();
    let (_of_server, mut accepted) = recorded(|| SocketMetrics::new(&server));
    let (_of_client, mut dialled) = recorded(|| SocketMetrics::new(&client));
    client.connect(endpoint).unwrap();
    within("the peer", client.wait_for_peers(1)).await.unwrap();
    within("the peer", server.wait_for_peers(1)).await.unwrap();

    accepted.look();
    dialled.look();
    let times = |direction: &str, dialect: &str| {
        let labels = format!(r#"{{dialect="{dialect}",direction="{direction}"}}"#);
        let name = format!("aiomsg_handshake_seconds{labels}");
        (accepted.histogram(&name), dialled.histogram(&name))
    };
    let (at_server, at_client) = times("accept", "v1");
    assert_eq!((at_server.len(), at_client.len()), (1, 0));
    assert!((0.0..20.0).contains(&at_server[0]));
    let (at_server, at_client) = times("dial", "v1");
    assert_eq!((at_server.len(), at_client.len()), (0, 1));
    let (at_server, at_client) = times("dial", "2019");
    assert_eq!((at_server.len(), at_client.len()), (0, 0));
}

#[tokio::test]
async fn acknowledgements_are_timed() {
    let (server, endpoint) = bound().await;
    let client = Socket::builder().at_least_once().build().unwrap();
    let (metrics, mut series) = recorded(|| SocketMetrics::new(&client));
    client.connect(endpoint).unwrap();
    client.send_acked("hello").await.unwrap();
    drop(server);
    // The listener is called once the sender knows.
    series.look();
    within("the time", async {
        while series
            .histogram("aiomsg_acknowledgement_seconds")
            .is_empty()
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
    metrics.collect();
    series.look();
    assert_eq!(series.counter("aiomsg_resent_messages_total"), 0);
}

#[tokio::test]
async fn handling_is_timed_also_if_it_fails() {
    let (server, endpoint) = bound().await;
    let (_metrics, mut series) = recorded(|| SocketMetrics::new(&server));
    let mut events = server.events();
    let serving = tokio::spawn(
        server.serve(async |job: Delivery| match job.payload() == "bad" {
            true => Err(Error::new(aiomsg::ErrorKind::Payload)),
            false => Ok("done"),
        }),
    );
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    client.send("good").await.unwrap();
    within("it", client.recv()).await.unwrap();
    series.look();
    assert_eq!(series.histogram("aiomsg_handling_seconds").len(), 1);
    client.send("bad").await.unwrap();
    let refused = |it: &Event| matches!(it, Event::Refused { .. });
    event(&mut events, "the refusal", refused).await;
    series.look();
    assert_eq!(series.histogram("aiomsg_handling_seconds").len(), 2);
    serving.abort();
}

/// A listener that panics costs its own numbers: the connection stands, and messages pass.
#[tokio::test]
async fn a_listener_that_panics_costs_no_connection() {
    struct Panics(Arc<AtomicU32>);

    impl Timings for Panics {
        fn handshake(&self, _: Duration, _: bool, _: aiomsg::builder::Dialect) {
            self.0.fetch_add(1, Ordering::SeqCst);
            panic!("not today");
        }
    }

    let (server, endpoint) = bound().await;
    let calls = Arc::<AtomicU32>::default();
    assert!(server.on_timings(Arc::new(Panics(calls.clone()))));
    assert!(!server.on_timings(Arc::new(Panics(calls.clone()))));
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    client.send("hello").await.unwrap();
    assert_eq!(within("it", server.recv()).await.unwrap(), "hello");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

//! Messages through the proxy.

use std::collections::BTreeSet;

use super::*;

#[tokio::test]
async fn producers_and_consumers_share_the_work() {
    let proxy = Proxy::start(&[]).await;
    let consumers = [proxy.consumer().await, proxy.consumer().await];
    let producers = [proxy.producer().await, proxy.producer().await];
    for n in 0..100 {
        for (name, producer) in producers.iter().enumerate() {
            producer.send(format!("{name} {n}")).await.unwrap();
        }
    }
    let mut all = BTreeSet::new();
    for consumer in &consumers {
        // To the very message: none is ever passed over.
        let share = recv_all(consumer, 100).await;
        all.extend(share);
    }
    assert_eq!(all.len(), 200);
    for socket in producers.iter().chain(&consumers) {
        socket.close(PATIENCE).await;
    }
    let ended = proxy.program.stop().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(
        ended.report(),
        "drained: 200 taken, 200 forwarded, 0 unacknowledged, 0 unsent, 0 dropped"
    );
}

#[tokio::test]
async fn published_messages_go_to_every_consumer_in_order() {
    let proxy = Proxy::start(&["--mode", "publish"]).await;
    let consumers = [proxy.consumer().await, proxy.consumer().await];
    let producer = proxy.producer().await;
    let sent: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    for message in &sent {
        producer.send(message.clone()).await.unwrap();
    }
    for consumer in &consumers {
        assert_eq!(recv_all(consumer, 100).await, sent);
    }
}

/// What comes before any consumer waits for one.
#[tokio::test]
async fn messages_wait_for_the_first_consumer() {
    let proxy = Proxy::start(&[]).await;
    let producer = proxy.producer().await;
    producer.send("early").await.unwrap();
    assert!(producer.close(PATIENCE).await.is_clean());
    let consumer = proxy.consumer().await;
    assert_eq!(recv_text(&consumer).await, "early");
}

/// Both sides connect here, to ends that listen, and more than one of each.
#[tokio::test]
async fn it_connects_to_several_on_both_sides_and_by_unix_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| format!("unix://{}", folder.path().join(name).display());
    let producers = [Socket::new().unwrap(), Socket::new().unwrap()];
    let consumers = [Socket::new().unwrap(), Socket::new().unwrap()];
    let mut args = vec!["proxy".to_owned()];
    for (n, producer) in producers.iter().enumerate() {
        producer.bind(path(&format!("producer{n}"))).await.unwrap();
        args.extend([
            "--frontend-connect".to_owned(),
            path(&format!("producer{n}")),
        ]);
    }
    for consumer in &consumers {
        let endpoint = consumer.bind("127.0.0.1:0").await.unwrap().to_string();
        args.extend(["--backend-connect".to_owned(), endpoint]);
    }
    let program = Program::start(args);
    program.says("backend: connecting to ", 2).await;
    for consumer in &consumers {
        within("the proxy", consumer.wait_for_peers(1))
            .await
            .unwrap();
    }
    for producer in &producers {
        producer.send("job").await.unwrap();
    }
    for consumer in &consumers {
        assert_eq!(recv_text(consumer).await, "job");
    }
    assert_eq!(program.stop().await.code, Some(0));
}

/// Identities and dialects of its own, on each side.
#[tokio::test]
async fn each_side_has_an_identity_and_a_dialect() {
    let sides = [
        "--frontend-identity",
        "hex:000102030405060708090a0b0c0d0e0f",
        "--backend-identity",
        "proxy",
        "--backend-dialect",
        "2019",
    ];
    let proxy = Proxy::start(&sides).await;
    let consumer = proxy.consumer().await;
    let producer = proxy.producer().await;
    within("the proxy", producer.wait_for_peers(1))
        .await
        .unwrap();
    let (front, back) = (&producer.peers()[0], &consumer.peers()[0]);
    assert_eq!(
        front.identity.to_string(),
        "000102030405060708090a0b0c0d0e0f"
    );
    assert_eq!(back.identity.as_bytes(), b"proxy");
    assert_eq!(back.dialect, aiomsg::builder::Dialect::V2019);
}

/// One that is too large for the backend is not in its way for ever, nor in that of its batch.
#[tokio::test]
async fn what_the_backend_does_not_take_is_counted_by_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("proxy.toml");
    std::fs::write(&file, "[backend.limits]\nmax-message = 10\n").unwrap();
    let proxy = Proxy::start(&["--config", file.to_str().unwrap()]).await;
    let consumer = proxy.consumer().await;
    let producer = proxy.producer().await;
    // They are taken at once when it goes on.
    proxy.program.signal("USR1").await;
    proxy.program.says("paused", 1).await;
    let large = "more than ten bytes";
    for text in [large, "fits", "too", large, large, "also"] {
        producer.send(text).await.unwrap();
    }
    proxy
        .until("aiomsg_inbox_messages{side=\"frontend\"}", 6.0)
        .await;
    proxy.program.signal("USR2").await;
    for text in ["fits", "too", "also"] {
        assert_eq!(recv_text(&consumer).await, text);
    }
    let ended = proxy.program.stop().await;
    assert!(ended.report().ends_with("0 unsent, 3 dropped"), "{ended:?}");
    assert!(
        ended
            .lines
            .contains(&"  3 dropped: too_large message".to_owned()),
        "{ended:?}"
    );
    assert_eq!(ended.code, Some(0));
}

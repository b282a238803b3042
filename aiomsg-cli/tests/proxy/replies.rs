//! Replies of consumers, back to the producers.

use super::*;

/// Answers each request with its payload in capitals, after the next one has
/// come: so answers are out of order.
async fn answer_in_pairs(consumer: &Socket, pairs: usize) {
    for _ in 0..pairs {
        let pair = [recv(consumer).await, recv(consumer).await];
        for request in pair.iter().rev() {
            // The id as it is.
            let zero = request.payload().iter().position(|it| *it == 0).unwrap();
            let mut reply = request.payload().to_vec();
            reply[zero..].make_ascii_uppercase();
            consumer
                .send_to(request.from().clone(), reply)
                .await
                .unwrap();
        }
    }
}

/// Both use the same ids, which is no matter; and the ids come back as they
/// were.
#[tokio::test]
async fn each_producer_gets_the_replies_to_its_own_requests() {
    let proxy = Proxy::start(&["--replies"]).await;
    let consumers = [proxy.consumer().await, proxy.consumer().await];
    let producers = [proxy.producer().await, proxy.producer().await];
    let names = ["one", "two"];
    let ask = async {
        for n in 0..20 {
            for (name, producer) in names.iter().zip(&producers) {
                let request = format!("{n}\0of {name}, {n}");
                producer.send(request).await.unwrap();
            }
        }
    };
    let [first, second] = &consumers;
    tokio::join!(ask, answer_in_pairs(first, 10), answer_in_pairs(second, 10));
    for (name, producer) in names.iter().zip(&producers) {
        let mut answers = recv_all(producer, 20).await;
        answers.sort();
        let mut expected: Vec<_> = (0..20)
            .map(|n| format!("{n}\0OF {}, {n}", name.to_uppercase()))
            .collect();
        expected.sort();
        assert_eq!(answers, expected);
    }
    let ended = proxy.program.stop().await;
    assert_eq!(ended.code, Some(0));
    assert!(
        ended
            .lines
            .contains(&"  replies: 40 taken, 40 forwarded".to_owned()),
        "{ended:?}"
    );
}

/// The library's request and reply layers, through the proxy.
#[tokio::test]
async fn requests_of_the_library_are_answered() {
    use aiomsg::layer::{ReplyLayer, Requests};
    use std::future::IntoFuture;
    use tower::{Layer, ServiceExt, service_fn};

    let proxy = Proxy::start(&["--replies", "--at-least-once", "both"]).await;
    let consumer = proxy.consumer().await;
    let shout = service_fn(|payload: bytes::Bytes| async move {
        Ok::<_, aiomsg::Error>(bytes::Bytes::from(payload.to_ascii_uppercase()))
    });
    let serving = tokio::spawn(consumer.serve(ReplyLayer::new().layer(shout)).into_future());
    let requests = Requests::new();
    let producer = Socket::builder()
        .at_least_once()
        .receive_layer(requests.answers())
        .build()
        .unwrap();
    producer.connect(&*proxy.frontend).unwrap();
    let service = requests.layer().layer(producer.clone());
    for n in 0..10 {
        let asked = service.clone().oneshot(format!("question {n}").into());
        let answer = within("an answer", asked).await.unwrap();
        assert_eq!(answer, format!("QUESTION {n}"));
    }
    serving.abort();
}

#[tokio::test]
async fn a_reply_to_nothing_of_ours_goes_to_nobody_and_is_counted() {
    let proxy = Proxy::start(&["--replies"]).await;
    let consumer = proxy.consumer().await;
    let producer = proxy.producer().await;
    producer.send("1\0question").await.unwrap();
    let request = recv(&consumer).await;
    let to = request.from().clone();
    for stray in [
        "1\0without an address",
        "1@000000000000000000000000\0",
        "news",
    ] {
        consumer.send_to(to.clone(), stray).await.unwrap();
    }
    consumer.send_to(to, request.into_payload()).await.unwrap();
    // The first that arrives is the one that is addressed.
    assert_eq!(recv_text(&producer).await, "1\0question");
    let ended = proxy.program.stop().await;
    assert!(
        ended
            .lines
            .contains(&"  3 dropped: unaddressed reply".to_owned()),
        "{ended:?}"
    );
}

/// What has no id is forwarded as it is.
#[tokio::test]
async fn messages_without_an_id_are_left_as_they_are() {
    let proxy = Proxy::start(&["--replies"]).await;
    let consumer = proxy.consumer().await;
    let producer = proxy.producer().await;
    let long = format!("{}\0x", "i".repeat(39));
    for message in ["no zero byte", "\0no id", &long] {
        producer.send(message.to_owned()).await.unwrap();
        assert_eq!(recv_text(&consumer).await, message);
    }
}

/// Without `--replies` what consumers send is taken and dropped: it must not fill
/// the proxy up.
#[tokio::test]
async fn without_replies_what_consumers_send_is_dropped() {
    let proxy = Proxy::start(&["--inbox-messages", "10"]).await;
    let consumer = proxy.consumer().await;
    let producer = proxy.producer().await;
    for n in 0..100 {
        consumer.send(n.to_string()).await.unwrap();
    }
    producer.send("job").await.unwrap();
    assert_eq!(recv_text(&consumer).await, "job");
    assert!(consumer.close(PATIENCE).await.is_clean());
    let ended = proxy.program.stop().await;
    assert!(
        ended
            .lines
            .contains(&"  100 dropped: unasked reply".to_owned()),
        "{ended:?}"
    );
}

/// It loses replies that it does not take, and nobody else does.
#[tokio::test]
async fn a_producer_that_takes_no_replies_holds_up_nobody_else() {
    const REQUESTS: usize = 500;
    let proxy = Proxy::start(&["--replies"]).await;
    let consumer = proxy.consumer().await;
    let limits = aiomsg::Limits { items: 1, bytes: 1 };
    let deaf = Socket::builder().receive_limits(limits).build().unwrap();
    let deaf = proxy.joined(deaf, "frontend").await;
    let other = proxy.producer().await;
    let answering = tokio::spawn({
        let consumer = consumer.clone();
        async move {
            for _ in 0..=REQUESTS {
                let request = recv(&consumer).await;
                // More than all queues and systems hold, in all.
                let reply = [&request.payload()[..], &[b'x'; 100_000]].concat();
                consumer
                    .send_to(request.from().clone(), reply)
                    .await
                    .unwrap();
            }
        }
    });
    for n in 0..REQUESTS {
        deaf.send(format!("{n}\0")).await.unwrap();
    }
    proxy
        .until(
            "aiomsg_proxy_taken_total{direction=\"back\"}",
            REQUESTS as f64,
        )
        .await;
    let refused = "aiomsg_dropped_messages_total{side=\"proxy\",reason=\"refused\"}";
    assert!(http::metric(&proxy.metrics, refused).await > 0.0);
    other.send("1\0").await.unwrap();
    assert_eq!(recv(&other).await.payload().len(), 2 + 100_000);
    answering.await.unwrap();
}

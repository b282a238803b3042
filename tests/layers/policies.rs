//! Who gets a message, by policies other than the send modes.

use super::*;
use aiomsg::layer::{Subscriptions, Topics};
use aiomsg::message::DropReason;

/// Sends, and gives the messages that arrive by `last`.
async fn until(socket: &Socket, last: &str) -> Vec<String> {
    let mut got = Vec::new();
    loop {
        let text = within("a message", socket.recv_text()).await.unwrap();
        if text == last {
            return got;
        }
        got.push(text);
    }
}

/// Waits until the publisher knows of a subscription.
async fn wanted(topics: &Topics, message: &str) {
    within("a subscription", async {
        while !topics.is_wanted(message) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn topics_go_to_those_who_asked_for_them() {
    let topics = Topics::new();
    let news = Socket::builder()
        .policy(topics.policy())
        .connection_layer(topics.layer())
        .build()
        .unwrap();
    let endpoint = news.bind("127.0.0.1:0").await.unwrap();
    let mut events = news.events();

    let subscriber = |prefixes: &[&'static str]| {
        let subscriptions = Subscriptions::new();
        for prefix in prefixes {
            subscriptions.subscribe(*prefix).unwrap();
        }
        let socket = Socket::builder()
            .connection_layer(subscriptions.layer())
            .build()
            .unwrap();
        socket.connect(endpoint.clone()).unwrap();
        (socket, subscriptions)
    };
    let (rain, _rain) = subscriber(&["weather.rain", "end"]);
    let (all, changing) = subscriber(&["weather.", "last"]);
    for message in ["end", "last"] {
        wanted(&topics, message).await;
    }
    for message in ["weather.sun", "weather.rain.heavy", "sports.chess"] {
        news.send(message).await.unwrap();
    }
    news.send("end").await.unwrap();
    news.send("last").await.unwrap();
    assert_eq!(until(&rain, "end").await, ["weather.rain.heavy"]);
    assert_eq!(
        until(&all, "last").await,
        ["weather.sun", "weather.rain.heavy"]
    );

    // What nobody asked for is not gone in silence.
    let lost = within("an event", async {
        loop {
            if let Some(Event::Dropped { message, reason }) = events.next().await {
                return (message, reason);
            }
        }
    })
    .await;
    assert_eq!(lost.0.payload(), "sports.chess");
    assert_eq!(lost.1, DropReason::Unwanted);

    // A change reaches the publisher while the connection lives.
    changing.subscribe("sports.").unwrap();
    assert!(changing.unsubscribe("weather."));
    wanted(&topics, "sports.chess").await;
    within("the change", async {
        while topics.is_wanted("weather.sun") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    for message in ["weather.sun", "sports.chess", "last"] {
        news.send(message).await.unwrap();
    }
    assert_eq!(until(&all, "last").await, ["sports.chess"]);
}

/// A connection that is made anew subscribes anew.
#[tokio::test]
async fn subscriptions_outlive_a_connection() {
    let subscriptions = Subscriptions::new();
    subscriptions.subscribe("news.").unwrap();
    let subscriber = Socket::builder()
        .connection_layer(subscriptions.layer())
        .reconnect_delay(|_| Duration::from_millis(10))
        .build()
        .unwrap();
    let mut endpoint: Endpoint = "127.0.0.1:0".parse().unwrap();
    for round in ["news.1", "news.2"] {
        let topics = Topics::new();
        let publisher = Socket::builder()
            .policy(topics.policy())
            .connection_layer(topics.layer())
            .build()
            .unwrap();
        endpoint = publisher.bind(endpoint).await.unwrap();
        // A second time it is connected to already.
        let _ = subscriber.connect(endpoint.clone());
        wanted(&topics, round).await;
        publisher.send(round).await.unwrap();
        let got = within("a message", subscriber.recv_text()).await.unwrap();
        assert_eq!(got, round);
        publisher.close(Duration::from_secs(5)).await;
    }
}

#[cfg(feature = "balance")]
#[tokio::test]
async fn the_least_loaded_peer_gets_the_message() {
    use aiomsg::Limits;
    use aiomsg::layer::LeastLoaded;

    let sender = Socket::builder()
        .policy(LeastLoaded::new())
        .peer_limits(Limits {
            items: 1_000,
            bytes: 64 << 20,
        })
        .build()
        .unwrap();
    let endpoint = sender.bind("127.0.0.1:0").await.unwrap();
    // One peer does not read what is sent to it.
    let one = Limits { items: 1, bytes: 1 };
    let stuck = Socket::builder().receive_limits(one).build().unwrap();
    let quick = Socket::new().unwrap();
    for peer in [&stuck, &quick] {
        peer.connect(endpoint.clone()).unwrap();
    }
    sender.wait_for_peers(2).await.unwrap();
    // More than the system holds for it, and less than its queue does: round
    // robin would go on giving it every other message.
    for _ in 0..40 {
        let much = sender.send_to(stuck.identity().clone(), vec![0; 1 << 20]);
        within("room", much).await.unwrap();
    }
    // For the first the choice may have been made before there was a load.
    within("room", sender.send("first")).await.unwrap();
    for n in 0..100 {
        within("room", sender.send(n.to_string())).await.unwrap();
    }
    let mut got = until(&quick, "99").await;
    got.retain(|message| message != "first");
    let expected: Vec<_> = (0..99).map(|n| n.to_string()).collect();
    assert_eq!(got, expected);
}

#[tokio::test]
async fn a_policy_that_copies_is_not_for_at_least_once() {
    let error = Socket::builder()
        .policy(Topics::new().policy())
        .at_least_once()
        .build()
        .unwrap_err();
    assert!(error.is_config());
    assert!(error.to_string().contains("copies"), "{error}");
}

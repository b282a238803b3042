//! Topics, for subscribers that know of them by two bytes: a message that
//! begins with 1 subscribes to what follows, and one with 0 unsubscribes.

use super::*;
use crate::support::python::Guarantee;
use aiomsg::layer::Topics;

const COUNT: usize = 100;

fn by_topic(topics: &Topics) -> Socket {
    Socket::builder()
        .policy(topics.policy())
        .connection_layer(topics.layer())
        .build()
        .unwrap()
}

async fn hears(peer: &Peer, publisher: &Socket, expected: &str) {
    let heard = heard_by(peer, publisher).await;
    assert_eq!(String::from_utf8_lossy(&heard), expected);
}

async fn only_what_was_subscribed_to(version: Version, binds: Binds) {
    let topics = Topics::new();
    let socket = by_topic(&topics);
    // Subscribing by messages of either kind.
    let builder = Peer::builder(version);
    let mut news = join(&socket, builder.clone(), binds).await;
    let builder = builder.guarantee(Guarantee::AtLeastOnce);
    let sport = join(&socket, builder, binds).await;
    news.send(b"\x01news.").await;
    sport.send(b"\x01sport.").await;
    sport.send(b"\x01news.local.").await;
    until("the subscriptions", || {
        ["news.", "sport.", "news.local."]
            .iter()
            .all(|topic| topics.is_wanted(topic))
    })
    .await;
    // The last of them, which the first says nothing of, is there as well.
    sport.send(b"\x01end").await;
    until("the last one", || topics.is_wanted("end")).await;

    for n in 0..COUNT {
        for topic in [
            "news.world.",
            "weather.",
            "sport.",
            "news.local.",
            "newspaper.",
        ] {
            socket.send(format!("{topic}{n}")).await.unwrap();
        }
    }
    for n in 0..COUNT {
        hears(&news, &socket, &format!("news.world.{n}")).await;
        hears(&news, &socket, &format!("news.local.{n}")).await;
        hears(&sport, &socket, &format!("sport.{n}")).await;
        hears(&sport, &socket, &format!("news.local.{n}")).await;
    }

    sport.send(b"\x00sport.").await;
    until("it to be unsubscribed", || !topics.is_wanted("sport.")).await;
    for message in ["sport.chess", "news.world.rain", "news.local.sun", "end"] {
        socket.send(message).await.unwrap();
    }
    hears(&news, &socket, "news.world.rain").await;
    hears(&news, &socket, "news.local.sun").await;
    hears(&sport, &socket, "news.local.sun").await;
    hears(&sport, &socket, "end").await;

    // With the subscriber its subscriptions are gone.
    news.kill().await;
    until("it to be gone", || !topics.is_wanted("news.world.")).await;
    assert!(topics.is_wanted("news.local."));
    assert_eq!(
        socket.stats().unreceived_messages,
        0,
        "they are no messages"
    );
}

each_version_and_role!(only_what_was_subscribed_to);

//! A publisher by topic: each subscriber gets the topics of its subscriptions.
//!
//! ```text
//! cargo run --example topic_publisher [ADDRESS]
//! ```
//!
//! Run `topic_subscriber` in other terminals. A message begins with its topic,
//! and a subscription is a prefix of topics.

use std::error::Error;
use std::time::Duration;

use aiomsg::Socket;
use aiomsg::layer::Topics;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");
    let count: usize = std::env::var("COUNT").map_or(Ok(usize::MAX), |n| n.parse())?;
    let pause: u64 = std::env::var("PAUSE_MS").map_or(Ok(1000), |ms| ms.parse())?;

    // The layer takes the subscriptions out of each connection, and the policy
    // distributes by them.
    let topics = Topics::new();
    let socket = Socket::builder()
        .policy(topics.policy())
        .connection_layer(topics.layer())
        .build()?;
    println!("listening at {}", socket.bind(address).await?);

    let publish = async {
        let news = ["weather.oslo", "weather.lima", "chess.lima"];
        for (n, topic) in news.iter().cycle().take(count).enumerate() {
            // A message without subscribers is dropped. `topics.is_wanted(topic)`
            // spares the making of expensive ones.
            println!("publishing {topic} {n}");
            socket.send_text(format!("{topic} {n}")).await?;
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        Ok::<_, Box<dyn Error>>(())
    };
    tokio::select! {
        published = publish => published?,
        stop = tokio::signal::ctrl_c() => stop?,
    }

    socket.close(Duration::from_secs(5)).await;
    let unwanted = socket.stats().dropped_messages;
    println!("closed, {unwanted} messages that nobody wanted");
    Ok(())
}

//! A subscriber to some topics of `topic_publisher`.
//!
//! ```text
//! cargo run --example topic_subscriber [ADDRESS] [BEGINNING_OF_TOPIC]...
//! ```
//!
//! `weather.` subscribes to the weather of all places. Without a topic, it
//! subscribes to everything.

use std::error::Error;
use std::time::Duration;

use aiomsg::Socket;
use aiomsg::layer::Subscriptions;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let address = args.next();
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");
    let mut wanted: Vec<_> = args.collect();
    let count: u64 = std::env::var("COUNT").map_or(Ok(u64::MAX), |n| n.parse())?;

    // The layer sends the list to every publisher, and again after a reconnect.
    // The list may change at any time.
    let subscriptions = Subscriptions::new();
    if wanted.is_empty() {
        wanted.push(String::new());
    }
    for topic in &wanted {
        subscriptions.subscribe(topic)?;
    }
    let socket = Socket::builder()
        .connection_layer(subscriptions.layer())
        .build()?;
    socket.connect(address)?;
    println!("connecting to {address}");

    let listen = async {
        for _ in 0..count {
            println!("received {}", socket.recv_text().await?);
        }
        Ok::<_, Box<dyn Error>>(())
    };
    tokio::select! {
        listened = listen => listened?,
        stop = tokio::signal::ctrl_c() => stop?,
    }

    socket.close(Duration::from_secs(5)).await;
    println!("closed, {} received", socket.stats().received_messages);
    Ok(())
}

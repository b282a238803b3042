//! A relay that receives on one socket, publishes on another, and replies to
//! the sender.
//!
//! ```text
//! cargo run --example relay_and_reply [ADDRESS] [NEWS_ADDRESS]
//! ```
//!
//! A message is `id`, a zero byte, `data`. The relay publishes the data at the
//! second address. The reply, `id`, a zero byte, `ok`, goes to the sender alone.
//! `relay_client` is the other end.

use std::error::Error;
use std::time::Duration;

use aiomsg::{Outbound, SendMode, Socket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (address, news_address) = (args.next(), args.next());
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");
    let news_address = news_address.as_deref().unwrap_or("127.0.0.1:25001");
    let count: u64 = std::env::var("COUNT").map_or(Ok(u64::MAX), |n| n.parse())?;

    // The send mode of the first socket does not matter: it sends addressed
    // messages only.
    let senders = Socket::new()?;
    let news = Socket::builder().send_mode(SendMode::Publish).build()?;
    println!("listening at {}", senders.bind(address).await?);
    println!("publishing at {}", news.bind(news_address).await?);

    let relay = async {
        let mut relayed = 0;
        while relayed < count {
            let received = senders.recv_message().await?;
            let (sender, message) = (received.from().clone(), received.payload());
            let Some(zero) = message.iter().position(|byte| *byte == 0) else {
                println!("ignoring a message without a zero byte");
                continue;
            };
            let (id, data) = (&message[..zero], message.slice(zero + 1..));
            println!("relaying {}", String::from_utf8_lossy(&data));
            let data = Outbound::new(data).with_headers(received.headers().clone());
            news.send_message(data).await?;
            senders.send_to(sender, [id, b"\0ok"].concat()).await?;
            relayed += 1;
        }
        Ok::<_, Box<dyn Error>>(())
    };
    tokio::select! {
        relayed = relay => relayed?,
        stop = tokio::signal::ctrl_c() => stop?,
    }

    for (name, socket) in [("replies", senders), ("news", news)] {
        let report = socket.close(Duration::from_secs(5)).await;
        println!("closed, {} {name} unsent", report.unsent.len());
    }
    Ok(())
}

//! A client that sends a few messages to `relay_and_reply`. It prints the
//! replies, which it alone gets, and the news, which everyone gets.
//!
//! ```text
//! cargo run --example relay_client [ADDRESS] [NEWS_ADDRESS]
//! ```
//!
//! It ends when its own last message comes back as news.

use std::error::Error;
use std::time::Duration;

use aiomsg::Socket;
use tokio::sync::Notify;
use tokio::time::timeout;

/// How long to wait for the news before saying hello again.
const AGAIN: Duration = Duration::from_millis(200);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (address, news_address) = (args.next(), args.next());
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");
    let news_address = news_address.as_deref().unwrap_or("127.0.0.1:25001");
    let count: u64 = std::env::var("COUNT").map_or(Ok(3), |n| n.parse())?;
    let me = std::process::id();

    let relay = Socket::new()?;
    relay.connect(address)?;
    let news = Socket::new()?;
    news.connect(news_address)?;
    println!("connecting to {address} and {news_address}");

    let hello = format!("hello from {me}");
    let heard = Notify::new();
    let ask = async {
        // A publisher sends only to the subscribers that it has, and that we
        // have connected does not mean that the relay has let us in. So we
        // repeat a hello until it comes back.
        loop {
            relay.send_text(format!("0\0{hello}")).await?;
            relay.recv_text().await?;
            if timeout(AGAIN, heard.notified()).await.is_ok() {
                break;
            }
        }
        for n in 1..=count {
            let message = format!("{n}\0message {n} of {me}");
            relay.send_text(message).await?;
            let reply = relay.recv_text().await?;
            let (id, answer) = reply
                .split_once('\0')
                .ok_or("a reply without a zero byte")?;
            println!("reply to {id}: {answer}");
        }
        Ok::<_, Box<dyn Error>>(())
    };
    let listen = async {
        let last = format!("message {count} of {me}");
        loop {
            let item = news.recv_text().await?;
            if item == hello {
                heard.notify_one();
                continue;
            }
            println!("news: {item}");
            if item == last {
                return Ok(());
            }
        }
    };
    tokio::select! {
        done = async { tokio::try_join!(ask, listen) } => drop(done?),
        stop = tokio::signal::ctrl_c() => stop?,
    }

    let report = relay.close(Duration::from_secs(5)).await;
    news.close(Duration::from_secs(5)).await;
    println!("closed, {} messages unsent", report.unsent.len());
    Ok(())
}

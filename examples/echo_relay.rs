//! A relay that sends every message on: to all peers, the sender included, with
//! publish, or to one peer after the other with round robin.
//!
//! ```text
//! cargo run --example echo_relay [publish|roundrobin] [ADDRESS]
//! ```
//!
//! With publish and several `echo_client`s, this is a chat.

use std::error::Error;
use std::time::Duration;

use aiomsg::{SendMode, Socket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let mode = match args.next().as_deref() {
        None | Some("publish") => SendMode::Publish,
        Some("roundrobin") => SendMode::RoundRobin,
        Some(other) => return Err(format!("\"{other}\" is neither publish nor roundrobin").into()),
    };
    let address = args.next();
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");
    let count: u64 = std::env::var("COUNT").map_or(Ok(u64::MAX), |n| n.parse())?;

    let socket = Socket::builder().send_mode(mode).build()?;
    println!("listening at {}", socket.bind(address).await?);

    let relay = async {
        for _ in 0..count {
            // With its headers, if it has some.
            let message = socket.recv_message().await?;
            println!("relaying {}", String::from_utf8_lossy(message.payload()));
            socket.send_message(message).await?;
        }
        Ok::<_, Box<dyn Error>>(())
    };
    tokio::select! {
        relayed = relay => relayed?,
        stop = tokio::signal::ctrl_c() => stop?,
    }

    let report = socket.close(Duration::from_secs(5)).await;
    println!("closed, {} messages unsent", report.unsent.len());
    Ok(())
}

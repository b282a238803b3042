//! A publisher that binds.
//!
//! ```text
//! cargo run --example publisher_bind [ADDRESS]
//! ```
//!
//! Every subscriber gets every message. Either end may bind, whichever end
//! sends: compare `publisher_connect`.

use std::error::Error;
use std::time::Duration;

use aiomsg::{SendMode, Socket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");
    let count: u64 = std::env::var("COUNT").map_or(Ok(u64::MAX), |n| n.parse())?;
    let pause: u64 = std::env::var("PAUSE_MS").map_or(Ok(1000), |ms| ms.parse())?;

    let socket = Socket::builder().send_mode(SendMode::Publish).build()?;
    println!("listening at {}", socket.bind(address).await?);

    let publish = async {
        for n in 1..=count {
            println!("publishing news {n}");
            socket.send_text(format!("news {n}")).await?;
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        // Messages without a peer wait in the buffer, and close would only
        // hand them back.
        while socket.stats().buffered_messages > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok::<_, Box<dyn Error>>(())
    };
    tokio::select! {
        published = publish => published?,
        stop = tokio::signal::ctrl_c() => stop?,
    }

    let report = socket.close(Duration::from_secs(5)).await;
    println!("closed, {} messages unsent", report.unsent.len());
    Ok(())
}

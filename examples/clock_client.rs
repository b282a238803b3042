//! The demo, part two: a client that prints the times of `clock_server`.
//!
//! ```text
//! cargo run --example clock_client [ADDRESS]
//! ```

use std::error::Error;
use std::time::Duration;

use aiomsg::Socket;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");
    let count: u64 = std::env::var("COUNT").map_or(Ok(u64::MAX), |n| n.parse())?;

    // The server may start later: the socket tries until it connects, and
    // reconnects after a loss.
    let socket = Socket::new()?;
    socket.connect(address)?;
    println!("connecting to {address}");

    let listen = async {
        for _ in 0..count {
            println!("{}", socket.recv_text().await?);
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

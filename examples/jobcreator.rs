//! A producer of jobs that binds, and sends them to the connected `worker`s in
//! turn.
//!
//! ```text
//! cargo run --example jobcreator [ADDRESS]
//! ```
//!
//! This end binds because its address is known. Any number of `worker`s connect
//! to it, and come and go. For consumers on other machines, bind to
//! `0.0.0.0:25001`.

use std::error::Error;
use std::time::Duration;

use aiomsg::{SendMode, Socket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:25001");
    let count: u64 = std::env::var("COUNT").map_or(Ok(u64::MAX), |n| n.parse())?;
    let pause: u64 = std::env::var("PAUSE_MS").map_or(Ok(1000), |ms| ms.parse())?;
    let me = std::process::id();

    // Round robin is the default. It is spelled out because it is the point.
    let socket = Socket::builder().send_mode(SendMode::RoundRobin).build()?;
    println!("listening at {}", socket.bind(address).await?);

    let create = async {
        for n in 1..=count {
            println!("sending job {n} of {me}");
            socket.send_text(format!("job {n} of {me}")).await?;
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
        created = create => created?,
        stop = tokio::signal::ctrl_c() => stop?,
    }

    let report = socket.close(Duration::from_secs(5)).await;
    let (sent, unsent) = (socket.stats().sent_messages, report.unsent.len());
    println!("closed, {sent} jobs sent, {unsent} unsent");
    Ok(())
}

//! The demo, part one: a server that sends the time once a second.
//!
//! ```text
//! cargo run --example clock_server [ADDRESS]
//! ```
//!
//! Run `clock_client` in another terminal. Stop either of them and start it
//! again: the client reconnects by itself.

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aiomsg::Socket;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");
    let count: u64 = std::env::var("COUNT").map_or(Ok(u64::MAX), |n| n.parse())?;
    let pause: u64 = std::env::var("PAUSE_MS").map_or(Ok(1000), |ms| ms.parse())?;

    let socket = Socket::new()?;
    println!("listening at {}", socket.bind(address).await?);

    let tick = async {
        for _ in 0..count {
            // While no client is connected, the times wait in a buffer, and the
            // first client gets them all. With two clients, each gets every
            // other time. SendMode::Publish sends every time to both.
            let time = time()?;
            println!("sending {time}");
            socket.send_text(time).await?;
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
        ticked = tick => ticked?,
        stop = tokio::signal::ctrl_c() => stop?,
    }

    let report = socket.close(Duration::from_secs(5)).await;
    println!("closed, {} messages unsent", report.unsent.len());
    Ok(())
}

/// The time of day, as in `12:34:56 UTC`.
fn time() -> Result<String, Box<dyn Error>> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    Ok(format!("{hours:02}:{minutes:02}:{:02} UTC", seconds % 60))
}

//! A subscriber that prints its messages. It connects to `publisher_bind`, or
//! binds for `publisher_connect`.
//!
//! ```text
//! cargo run --example subscriber [connect|bind] [ADDRESS]
//! ```

use std::error::Error;
use std::time::Duration;

use aiomsg::Socket;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let end = args.next();
    let address = args.next();
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");
    let count: u64 = std::env::var("COUNT").map_or(Ok(u64::MAX), |n| n.parse())?;

    // A subscriber needs no setting: the sending socket decides how messages
    // are distributed.
    let socket = Socket::new()?;
    match end.as_deref() {
        None | Some("connect") => {
            socket.connect(address)?;
            println!("connecting to {address}");
        }
        Some("bind") => println!("listening at {}", socket.bind(address).await?),
        Some(other) => return Err(format!("\"{other}\" is neither connect nor bind").into()),
    }

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

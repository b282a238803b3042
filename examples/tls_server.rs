//! The clock of `clock_server`, with mutual TLS.
//!
//! ```text
//! cargo run --example tls_server [ADDRESS] [FOLDER]
//! ```
//!
//! The folder holds our `server.cert` and `server.key`, and the `client.cert`
//! that we trust. The README has the commands that make them.

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aiomsg::{Event, Socket, TlsConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:25000".to_owned());
    let folder = PathBuf::from(args.next().unwrap_or_else(|| ".".to_owned()));
    let count: u64 = std::env::var("COUNT").map_or(Ok(u64::MAX), |n| n.parse())?;
    let pause: u64 = std::env::var("PAUSE_MS").map_or(Ok(1000), |ms| ms.parse())?;

    let tls = TlsConfig::builder()
        .certificate_files(folder.join("server.cert"), folder.join("server.key"))
        // A trusted certificate makes the server demand one of each client.
        .trust_file(folder.join("client.cert"))
        .build()?;
    let socket = Socket::builder().tls(tls).build()?;
    let mut events = socket.events();
    let endpoint = socket.bind(format!("tls://{address}")).await?;
    println!("listening at {endpoint}");

    let tick = async {
        for _ in 0..count {
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
            let text = format!("{} s since 1970", now.as_secs());
            socket.send_text(text).await?;
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        // Messages without a peer wait in the buffer, and close would only
        // hand them back.
        while socket.stats().buffered_messages > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok::<_, Box<dyn Error>>(())
    };
    let watch = async {
        while let Some(event) = events.next().await {
            match event {
                Event::PeerUp { peer } => println!("connected to {}", peer.identity),
                Event::AcceptFailed { error, .. } => println!("refused: {}", error.chain()),
                _ => {}
            }
        }
    };
    tokio::select! {
        ticked = tick => ticked?,
        () = watch => {}
        stop = tokio::signal::ctrl_c() => stop?,
    }

    let report = socket.close(Duration::from_secs(5)).await;
    println!("closed, {} messages unsent", report.unsent.len());
    Ok(())
}

//! A client of `tls_server`, with mutual TLS.
//!
//! ```text
//! cargo run --example tls_client [ADDRESS] [FOLDER]
//! ```
//!
//! The folder holds our `client.cert` and `client.key`, and the `server.cert`
//! that we trust.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use aiomsg::{Event, Socket, TlsConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:25000".to_owned());
    let folder = PathBuf::from(args.next().unwrap_or_else(|| ".".to_owned()));
    let count: u64 = std::env::var("COUNT").map_or(Ok(u64::MAX), |n| n.parse())?;

    let tls = TlsConfig::builder()
        .certificate_files(folder.join("client.cert"), folder.join("client.key"))
        // This is the server's own certificate, so the name in it (example.com)
        // need not be that of the endpoint.
        .trust_file(folder.join("server.cert"))
        .build()?;
    let socket = Socket::builder().tls(tls).build()?;
    let mut events = socket.events();
    socket.connect(format!("tls://{address}"))?;
    println!("connecting to tls://{address}");

    let listen = async {
        for _ in 0..count {
            println!("received {}", socket.recv_text().await?);
        }
        Ok::<_, Box<dyn Error>>(())
    };
    // A wrong certificate does not end the tries: the next one may find the
    // right certificate. An event reports it.
    let watch = async {
        while let Some(event) = events.next().await {
            match event {
                Event::PeerUp { peer } => println!("connected to {}", peer.identity),
                Event::DialFailed { error, .. } => println!("not connected: {}", error.chain()),
                _ => {}
            }
        }
    };
    tokio::select! {
        listened = listen => listened?,
        () = watch => {}
        stop = tokio::signal::ctrl_c() => stop?,
    }

    socket.close(Duration::from_secs(5)).await;
    println!("closed, {} received", socket.stats().received_messages);
    Ok(())
}

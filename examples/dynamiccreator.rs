//! A producer of jobs that connects: any number of these and of `worker`s may
//! run, with one or more `proxy`s in the middle.
//!
//! ```text
//! cargo run --example dynamiccreator [ADDRESS]...
//! PROXY_HOSTNAMES="px1.example.com;px2.example.com" cargo run --example dynamiccreator
//! ```
//!
//! The default port is 25001. With several proxies, the jobs go to each of them
//! in turn.

use std::error::Error;
use std::time::Duration;

use aiomsg::{SendMode, Socket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let count: u64 = std::env::var("COUNT").map_or(Ok(u64::MAX), |n| n.parse())?;
    let pause: u64 = std::env::var("PAUSE_MS").map_or(Ok(1000), |ms| ms.parse())?;
    let me = std::process::id();

    let socket = Socket::builder().send_mode(SendMode::RoundRobin).build()?;
    for address in addresses() {
        socket.connect(&address)?;
        println!("connecting to {address}");
    }

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

/// The addresses of the arguments, or else of PROXY_HOSTNAMES.
fn addresses() -> Vec<String> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if !arguments.is_empty() {
        return arguments;
    }
    let hosts = std::env::var("PROXY_HOSTNAMES").unwrap_or_else(|_| "127.0.0.1".to_owned());
    let address = |host: &str| match host.contains(':') {
        true => host.to_owned(),
        false => format!("{host}:25001"),
    };
    hosts.split(';').map(address).collect()
}

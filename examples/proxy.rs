//! A proxy that receives jobs at one address and forwards them, in turn, to the
//! peers at another.
//!
//! ```text
//! cargo run --example proxy [ADDRESS_FOR_PRODUCERS] [ADDRESS_FOR_CONSUMERS]
//! ```
//!
//! Both of its addresses are known, so any number of `dynamiccreator`s and
//! `worker`s connect. For peers on other machines, bind to `0.0.0.0`.

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use aiomsg::{SendMode, Socket};
use futures::StreamExt;
use tokio::time::timeout;

/// How long each step of the shutdown may take.
const DEADLINE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (producers, consumers) = (args.next(), args.next());
    let producers = producers.as_deref().unwrap_or("127.0.0.1:25001");
    let consumers = consumers.as_deref().unwrap_or("127.0.0.1:25002");

    let frontend = Socket::new()?;
    let backend = Socket::builder().send_mode(SendMode::RoundRobin).build()?;
    println!(
        "producers: listening at {}",
        frontend.bind(producers).await?
    );
    println!("consumers: listening at {}", backend.bind(consumers).await?);

    // This line is the whole proxy. Slow consumers hold back the producers.
    let mut relay = pin!(frontend.deliveries().map(Ok).forward(backend.clone()));
    tokio::select! {
        relayed = &mut relay => relayed?,
        stop = tokio::signal::ctrl_c() => stop?,
    }

    // The frontend closes first. The relay forwards everything that has
    // arrived, and then ends by itself.
    let (_, relayed) = tokio::join!(frontend.close(DEADLINE), timeout(DEADLINE, relay));
    if relayed.is_err() {
        let stuck = frontend.stats().unreceived_messages;
        println!("no consumer takes any more, at least {stuck} jobs are lost");
    }
    let report = backend.close(DEADLINE).await;
    let (taken, forwarded) = (frontend.stats(), backend.stats());
    println!(
        "closed, {} jobs taken, {} forwarded, {} unsent",
        taken.received_messages,
        forwarded.sent_messages,
        report.unsent.len()
    );
    Ok(())
}

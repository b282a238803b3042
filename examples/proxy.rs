//! Takes jobs at one address and hands them on, one after the other, at
//! another.
//!
//! ```text
//! cargo run --example proxy [ADDRESS_FOR_CREATORS] [ADDRESS_FOR_WORKERS]
//! ```
//!
//! With the two known addresses here, `dynamiccreator`s and `worker`s both
//! connect, and there may be any number of either. To be reached from other
//! machines, bind to `0.0.0.0`.

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use aiomsg::{SendMode, Socket};
use futures::StreamExt;
use tokio::time::timeout;

/// How long each step of the end may take.
const DEADLINE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (creators, workers) = (args.next(), args.next());
    let creators = creators.as_deref().unwrap_or("127.0.0.1:25001");
    let workers = workers.as_deref().unwrap_or("127.0.0.1:25002");

    let frontend = Socket::new()?;
    let backend = Socket::builder().send_mode(SendMode::RoundRobin).build()?;
    println!("creators: listening at {}", frontend.bind(creators).await?);
    println!("workers: listening at {}", backend.bind(workers).await?);

    // All of the proxy is in this line. When the workers cannot keep up, the
    // creators are held back.
    let mut relay = pin!(frontend.clone().forward(backend.clone()));
    tokio::select! {
        relayed = &mut relay => relayed?,
        stop = tokio::signal::ctrl_c() => stop?,
    }

    // First nothing comes in any more. The relay goes on until all that had
    // arrived is through, and then ends by itself.
    let (_, relayed) = tokio::join!(frontend.close(DEADLINE), timeout(DEADLINE, relay));
    if relayed.is_err() {
        let stuck = frontend.stats().unreceived_messages;
        println!("no worker takes any more, at least {stuck} jobs are lost");
    }
    let report = backend.close(DEADLINE).await;
    let (taken, handed_on) = (frontend.stats(), backend.stats());
    println!(
        "closed, {} jobs taken, {} handed on, {} unsent",
        taken.received_messages,
        handed_on.sent_messages,
        report.unsent.len()
    );
    Ok(())
}

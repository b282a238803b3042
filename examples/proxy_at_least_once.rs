//! A `proxy` that loses no job, not even when it is killed: it acknowledges a
//! job when the worker that got it has acknowledged it, and not before.
//!
//! ```text
//! cargo run --example proxy_at_least_once [ADDRESS_FOR_CREATORS] [ADDRESS_FOR_WORKERS]
//! ```
//!
//! The creators must send at-least-once: they keep a job until it is
//! acknowledged, and send it again when this proxy is gone, through another one
//! or through the next one at this address. A job may then arrive twice. See
//! `proxy` for the one that does neither.

use std::error::Error;
use std::future::IntoFuture;
use std::time::Duration;

use aiomsg::{AckMode, Delivery, Socket};
use tokio::time::timeout;
use tower::service_fn;

/// How many jobs are on their way at once.
const JOBS: usize = 1000;

/// How long each step of the end may take.
const DEADLINE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (creators, workers) = (args.next(), args.next());
    let creators = creators.as_deref().unwrap_or("127.0.0.1:25001");
    let workers = workers.as_deref().unwrap_or("127.0.0.1:25002");

    let frontend = Socket::builder().ack_mode(AckMode::Handled).build()?;
    let backend = Socket::builder().at_least_once().build()?;
    println!("creators: listening at {}", frontend.bind(creators).await?);
    println!("workers: listening at {}", backend.bind(workers).await?);

    // A job is handled when this returns, and then it is acknowledged. Where
    // no worker acknowledges it in time, this fails, and its creator, which
    // hears nothing, sends it again.
    let to_workers = backend.clone();
    let hand_on = service_fn(move |job: Delivery| {
        let workers = to_workers.clone();
        async move { workers.send_acked(job.into_payload()).await }
    });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let relay = frontend
        .serve(hand_on)
        .concurrency(JOBS)
        .with_graceful_shutdown(async {
            let _ = stopped.await;
        });
    let mut relay = relay.into_future();
    tokio::select! {
        relayed = &mut relay => relayed?,
        stop = tokio::signal::ctrl_c() => stop?,
    }

    // What was begun is finished. What is not taken up by now stays with the
    // creators, as nobody has acknowledged it.
    drop(stop);
    if timeout(DEADLINE, relay).await.is_err() {
        println!("no worker takes any more, the creators keep their jobs");
    }
    frontend.close(DEADLINE).await;
    let report = backend.close(DEADLINE).await;
    println!(
        "closed, {} jobs handed on, {} unsent",
        backend.stats().sent_messages,
        report.unsent.len()
    );
    Ok(())
}

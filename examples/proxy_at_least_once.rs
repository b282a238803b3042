//! A `proxy` that loses no job, even when it is killed: it acknowledges a job
//! only after a worker has acknowledged it.
//!
//! ```text
//! cargo run --example proxy_at_least_once [ADDRESS_FOR_CREATORS] [ADDRESS_FOR_WORKERS]
//! ```
//!
//! The producers must send at-least-once: they keep an unacknowledged job, and
//! when this proxy dies, they send it again through another one, or through the
//! next one at this address. A job may then arrive twice. `proxy` is the
//! at-most-once one.

use std::error::Error;
use std::future::IntoFuture;
use std::time::Duration;

use aiomsg::{AckMode, Delivery, Socket};
use tokio::time::timeout;
use tower::service_fn;

/// The number of jobs that are under way at once.
const JOBS: usize = 1000;

/// How long each step of the shutdown may take.
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

    // A job is acknowledged when this returns Ok. When no worker acknowledges
    // it in time, this fails, and its producer sends it again.
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

    // Jobs that were started are finished. All others are unacknowledged, so
    // the producers keep them.
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

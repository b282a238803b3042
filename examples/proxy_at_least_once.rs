//! A `proxy` that loses no job, even when it is killed: it acknowledges a job
//! only after a consumer has acknowledged it.
//!
//! ```text
//! cargo run --example proxy_at_least_once [ADDRESS_FOR_PRODUCERS] [ADDRESS_FOR_CONSUMERS]
//! ```
//!
//! The producers must send at-least-once: they keep an unacknowledged job, and
//! when this proxy dies, they send it again through another one, or through the
//! next one at this address. A job may then arrive twice. `proxy` is the
//! at-most-once one.

use std::error::Error;
use std::future::IntoFuture;
use std::time::Duration;

use aiomsg::{AckMode, Delivery, Outbound, Socket};
use tokio::time::timeout;
use tower::service_fn;

/// The number of jobs that are under way at once.
const JOBS: usize = 1000;

/// How long each step of the shutdown may take.
const DEADLINE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (producers, consumers) = (args.next(), args.next());
    let producers = producers.as_deref().unwrap_or("127.0.0.1:25001");
    let consumers = consumers.as_deref().unwrap_or("127.0.0.1:25002");

    let frontend = Socket::builder().ack_mode(AckMode::Handled).build()?;
    let backend = Socket::builder().at_least_once().build()?;
    println!(
        "producers: listening at {}",
        frontend.bind(producers).await?
    );
    println!("consumers: listening at {}", backend.bind(consumers).await?);

    // A job is acknowledged when this returns Ok. When no consumer acknowledges
    // it in time, this fails, and its producer sends it again.
    let to_consumers = backend.clone();
    let hand_on = service_fn(move |job: Delivery| {
        let consumers = to_consumers.clone();
        async move {
            let job = Outbound::from(job).until_acked();
            consumers.send_message(job).await
        }
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
        println!("no consumer takes any more, the producers keep their jobs");
    }
    frontend.close(DEADLINE).await;
    let report = backend.close(DEADLINE).await;
    println!(
        "closed, {} jobs forwarded, {} unsent",
        backend.stats().sent_messages,
        report.unsent.len()
    );
    Ok(())
}

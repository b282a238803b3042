//! How fast a spool on a NATS server is, beside the client library by itself, and whether
//! anything is lost or comes twice.
//!
//! ```sh
//! nats-server -js -a 127.0.0.1 &
//! cargo run --release -p aiomsg-spool --features jetstream --example jetstream_rates -- \
//!     nats://127.0.0.1:4222 1000000
//! ```

use std::collections::HashSet;
use std::error::Error;
use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aiomsg_core::{Outbound, sync};
use aiomsg_spool::{JetstreamSettings, Spool};
use async_nats::jetstream::{self, consumer::pull, stream};
use futures::StreamExt;
use tokio::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How many messages are stored before the first acknowledgement is awaited.
const BATCH: usize = 4096;

const PAYLOAD: [u8; 64] = [7; 64];

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or("nats://127.0.0.1:4222".to_owned());
    let count = args.next().map_or(Ok(100_000), |it| it.parse())?;
    raw(&url, count).await?;
    spool(&url, count).await
}

fn rate(what: &str, count: usize, since: Instant) {
    let rate = count as f64 / since.elapsed().as_secs_f64();
    println!("{what:<24} {rate:>10.0} messages/s");
}

/// The client library by itself.
async fn raw(url: &str, count: usize) -> Outcome<()> {
    let context = jetstream::new(async_nats::connect(url).await?);
    let name = "rates-raw";
    let _ = context.delete_stream(name).await;
    let config = stream::Config {
        name: name.to_owned(),
        retention: stream::RetentionPolicy::WorkQueue,
        ..stream::Config::default()
    };
    let stream = context.create_stream(config).await?;
    let begun = Instant::now();
    for from in (0..count).step_by(BATCH) {
        let mut acks = Vec::with_capacity(BATCH);
        for n in from..count.min(from + BATCH) {
            let message = jetstream::message::PublishMessage::build()
                .payload(PAYLOAD.to_vec().into())
                .message_id(n.to_string());
            acks.push(context.send_publish(name, message).await?);
        }
        for ack in acks {
            ack.await?;
        }
    }
    rate("client: stored", count, begun);
    let consumer = pull::Config {
        durable_name: Some("rates".to_owned()),
        max_ack_pending: -1,
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(consumer).await?;
    let begun = Instant::now();
    let mut taken = 0;
    while taken < count {
        let mut batch = consumer.fetch().max_messages(BATCH).messages().await?;
        while let Some(message) = batch.next().await {
            message?.ack().await?;
            taken += 1;
        }
    }
    rate("client: taken", count, begun);
    context.delete_stream(name).await?;
    Ok(())
}

async fn spool(url: &str, count: usize) -> Outcome<()> {
    let settings = JetstreamSettings::new("rates-spool");
    let spool = Spool::builder().connect(url, settings).await?;
    let before = spool.stats().await?.waiting.messages;
    let begun = Instant::now();
    for from in (0..count).step_by(BATCH) {
        let messages = (from..count.min(from + BATCH)).map(|_| Outbound::new(&PAYLOAD));
        spool.append_many(messages).await?;
    }
    rate("spool: stored", count, begun);

    let ids = Arc::new(sync::Mutex::new(HashSet::new()));
    let twice = Arc::new(Mutex::new(0_usize));
    let service = tower::service_fn({
        let (ids, twice) = (Arc::clone(&ids), Arc::clone(&twice));
        move |message: Outbound| {
            if !ids.lock().insert(message.id())
                && let Ok(mut twice) = twice.lock()
            {
                *twice += 1;
            }
            ready(Ok::<_, aiomsg_core::Error>(()))
        }
    });
    let begun = Instant::now();
    let draining = tokio::spawn(spool.drainer(service)?.run());
    while ids.lock().len() < count + before as usize && begun.elapsed() < Duration::from_secs(600) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    rate("spool: sent", count, begun);
    let left = spool.drain(Duration::from_secs(10)).await?;
    let came = ids.lock().len();
    let twice = twice.lock().map_or(0, |it| *it);
    println!(
        "{came} of {} messages came, {twice} twice, {left} are left",
        count + before as usize
    );
    draining.abort();
    spool.close().await?;
    Ok(())
}

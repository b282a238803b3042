//! Much data through a proxy whose consumer is slow.

use std::time::Duration;

use aiomsg::Socket;
use tokio::time::Instant;

use super::pace::Pace;
use super::sequence::Seen;
use super::{start, told};
use crate::process::{readable, usage};

const SIZE: usize = 16 << 10;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Moves `bytes`, of which the consumer takes `rate` a second.
pub(crate) async fn run(bytes: u64, rate: u64) {
    let mut proxy = start(["proxy"]);
    let (frontend, backend) = (told(&mut proxy, "frontend"), told(&mut proxy, "backend"));
    let consumer = Socket::new().expect("the settings are good");
    consumer
        .connect(backend.as_str())
        .expect("the address is good");
    let (size, count) = (SIZE.to_string(), bytes.div_ceil(SIZE as u64));
    let sender = start([
        "sender",
        &frontend,
        "--size",
        &size,
        "--count",
        &count.to_string(),
    ]);

    let (mut pace, mut seen) = (Pace::new(rate), Seen::default());
    let (mut looked, mut sizes) = (Instant::now(), Vec::new());
    let started = Instant::now();
    while seen.messages() < count {
        let message = consumer.recv().await.expect("the socket is open");
        pace.pass(message.len() as u64).await;
        seen.note(&message);
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            sizes.push((usage(proxy.id()).resident, usage(sender.id()).resident));
        }
    }
    println!(
        "{} in messages of {} took {:.1?}; {} lost, {} repeated",
        readable(seen.bytes),
        readable(SIZE as u64),
        started.elapsed(),
        seen.lost,
        seen.repeated
    );
    let (proxy, sender): (Vec<_>, Vec<_>) = sizes.into_iter().unzip();
    for (name, sizes) in [("proxy", proxy), ("sender", sender)] {
        let tenth = sizes.len() / 10;
        println!(
            "resident, {name}: {} after a tenth of it, {} at the end, {} at most",
            readable(sizes[tenth]),
            readable(sizes[sizes.len() - 1]),
            readable(sizes.iter().copied().max().unwrap_or_default())
        );
    }
    assert_eq!((seen.lost, seen.repeated), (0, 0));
}

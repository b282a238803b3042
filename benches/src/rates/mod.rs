//! Messages a second from one socket to another over loopback TCP, beside a raw
//! loop that moves the same frames.
//!
//! Both ends run in this process, each on a runtime of its own with one
//! thread. Machines are noisy: the raw limit and the library are measured by
//! turns, several rounds, and the ratio is between the two of one round.

mod raw;
mod sockets;

use std::time::Duration;

use aiomsg::Socket;
use tower::limit::RateLimitLayer;

/// A measurement: messages a second.
type Rate = f64;

const ROUNDS: usize = 3;

/// Prints the table.
pub(crate) fn run(time: Duration) {
    println!(
        "{:>8}  {:>28}  {:>14}  {:>14}  {:>6}",
        "payload", "measured", "raw msg/s", "aiomsg msg/s", "ratio"
    );
    for size in [64, 1024, 8 << 10, 64 << 10] {
        compare(size, "at-most-once", time, || {
            sockets::measure(size, time, || Socket::builder().build())
        });
        compare(size, "at-most-once, rate limit", time, || {
            // A limit that is never reached: what is shown is what it costs.
            let limit = RateLimitLayer::new(u64::MAX, Duration::from_secs(1));
            sockets::measure(size, time, || Socket::builder().layer(limit).build())
        });
        compare(size, "at-least-once", time, || {
            sockets::measure(size, time, || Socket::builder().at_least_once().build())
        });
    }
}

/// Prints the median round.
fn compare(size: usize, name: &str, time: Duration, measure: impl Fn() -> Rate) {
    let mut rounds: Vec<(Rate, Rate)> = (0..ROUNDS)
        .map(|_| (raw::measure(size, time), measure()))
        .collect();
    rounds.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
    let (raw, ours) = rounds[ROUNDS / 2];
    let ratio = ours / raw;
    println!("{size:>8}  {name:>28}  {raw:>14.0}  {ours:>14.0}  {ratio:>6.2}");
}

/// Runs the two ends, each on a thread and runtime of its own.
fn two_ends<T: Send>(
    receiver: impl Future<Output = T> + Send,
    sender: impl Future<Output = ()> + Send,
) -> T {
    std::thread::scope(|scope| {
        scope.spawn(move || crate::block_on(sender));
        crate::block_on(receiver)
    })
}

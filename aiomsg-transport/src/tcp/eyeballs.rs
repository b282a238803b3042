//! Dialling of several addresses, after RFC 8305 ("happy eyeballs").
//!
//! ```text
//!  start the next attempt ◄── an attempt failed, or 250 ms went by
//!          │
//!          ▼
//!  poll all that run ── one succeeds ──► done; the others are dropped
//!          │
//!          └─ none runs and none is left ──► every address with its error
//! ```

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The recommended "Connection Attempt Delay" of RFC 8305.
pub(super) const STAGGER: Duration = Duration::from_millis(250);

/// Every tried address, with its failure.
pub(super) type Failures = Vec<(SocketAddr, io::Error)>;

/// Returns the first successful attempt at any of the addresses.
pub(super) async fn race<T, F>(
    addresses: Vec<SocketAddr>,
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> Result<T, Failures>
where
    F: Future<Output = io::Result<T>>,
{
    let mut waiting = interleave(addresses).into_iter();
    let mut running = Vec::new();
    let mut failed = Failures::new();
    let mut start = true;
    let mut stagger = pin!(sleep(STAGGER));

    poll_fn(|cx| {
        loop {
            if start {
                start = false;
                if let Some(address) = waiting.next() {
                    running.push((address, Box::pin(attempt(address))));
                    stagger.as_mut().reset(Instant::now() + STAGGER);
                }
            }

            let mut index = 0;
            while let Some((address, future)) = running.get_mut(index) {
                match future.as_mut().poll(cx) {
                    Poll::Ready(Ok(success)) => return Poll::Ready(Ok(success)),
                    Poll::Ready(Err(error)) => {
                        failed.push((*address, error));
                        running.remove(index);
                        start = true;
                    }
                    Poll::Pending => index += 1,
                }
            }

            if waiting.len() == 0 {
                return if running.is_empty() {
                    Poll::Ready(Err(std::mem::take(&mut failed)))
                } else {
                    Poll::Pending
                };
            }
            if !start && stagger.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            start = true;
        }
    })
    .await
}

/// Alternates the address families, beginning with that of the first address, so that a
/// family without a route costs one delay and not one per address.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut one, mut other): (VecDeque<_>, VecDeque<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let mut order = Vec::with_capacity(one.len() + other.len());
    while !(one.is_empty() && other.is_empty()) {
        order.extend(one.pop_front());
        order.extend(other.pop_front());
    }
    order
}

#[cfg(test)]
mod tests;

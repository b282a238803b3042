use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use tokio::time::{Instant, sleep_until};

use super::post_office::PostOffice;
use crate::queue::Peer;

/// Drops messages that have waited for an absent peer for too long. See the
/// [module](super).
pub struct Expiry<P>(PostOffice<P>);

impl<P: Peer + Clone> Expiry<P> {
    pub(super) fn new(office: PostOffice<P>) -> Self {
        Self(office)
    }

    /// Runs until [`ByIdentity::close`](super::ByIdentity::close) is called.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the work, and loses no message.
    pub async fn run(self) {
        let mut alarm = pin!(sleep_until(Instant::now()));
        poll_fn(|cx| {
            loop {
                let next = match self.0.poll_expire(cx, Instant::now()) {
                    Poll::Ready(Some(next)) => next,
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                };
                if alarm.deadline() != next {
                    alarm.as_mut().reset(next);
                }
                if alarm.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await;
    }
}

impl<P> fmt::Debug for Expiry<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Expiry")
    }
}

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use aiomsg_core::error::chain;
use aiomsg_core::{BoxError, Identity};
use tokio::time::sleep;
use tower::discover::{Change, Discover};

use super::Peers;
use crate::queue::Peer;
use crate::shared::{catch, note};

/// The pause after a panic of the `Discover`.
const PAUSE: Duration = Duration::from_millis(100);

impl<P: Peer + Clone> Peers<P> {
    /// Keeps the table in step with a `Discover`, until that ends or fails. Then the peers stay
    /// as they are. A failure is logged.
    ///
    /// # Panics
    ///
    /// Not when the `Discover` does: that is logged, and it is polled again a moment later.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the changes so far are in the table.
    pub async fn feed<D>(self, discover: D)
    where
        D: Discover<Key = Identity, Service = P, Error: Into<BoxError>>,
    {
        let mut discover = pin!(discover);
        loop {
            let change = poll_fn(|cx| {
                match catch("the set of peers", || discover.as_mut().poll_discover(cx)) {
                    Ok(polled) => polled.map(Ok),
                    Err(panicked) => Poll::Ready(Err(panicked)),
                }
            });
            match change.await {
                Ok(Some(Ok(Change::Insert(identity, peer)))) => self.insert(identity, peer),
                Ok(Some(Ok(Change::Remove(identity)))) => self.remove(&identity),
                Ok(Some(Err(error))) => return unheard(&error.into()),
                Ok(None) => return,
                Err(panicked) => {
                    note(&panicked);
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Logs that no more changes to the set of peers can be received.
fn unheard(error: &BoxError) {
    let _ = catch("the subscriber of logs", || {
        let error = chain(&**error);
        tracing::warn!(%error, "a `Discover` failed: peers that come and go are not heard of any more");
    });
}

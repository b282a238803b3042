use std::collections::HashSet;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use aiomsg_core::Outbound;
use tokio::time::{Instant, sleep_until};
use tower::{Service, ServiceExt};

use super::Unacked;
use crate::shared::{caught, note};

/// Resends due messages. See the [module](super).
#[derive(Debug)]
pub struct Resender<S> {
    unacked: Unacked,
    service: S,
}

impl<S> Resender<S> {
    pub(super) fn new(unacked: Unacked, service: S) -> Self {
        Self { unacked, service }
    }
}

impl<S: Service<Outbound>> Resender<S> {
    /// Runs until [`Unacked::close`] is called, or the service fails.
    ///
    /// # Errors
    ///
    /// The error of the service's `poll_ready`. A message whose call failed stays
    /// unacknowledged.
    ///
    /// A panic of the service is logged, and counts as a failed call.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends resending, and loses no message.
    pub async fn run(mut self) -> Result<(), S::Error> {
        while let Some(messages) = self.due().await {
            let mut full = HashSet::new();
            for message in messages {
                let (id, peer) = (message.id(), message.peer().cloned());
                // A message whose peer has no room does not hold up others, and none for
                // the same peer overtakes it. They are due again in a moment.
                let is_full = peer.as_ref().is_some_and(|peer| full.contains(peer));
                if is_full || !self.sends(message).await? {
                    full.extend(peer);
                    if let Some(id) = id {
                        self.unacked.postpone(id);
                    }
                    continue;
                }
                self.unacked.observed().count_resend();
            }
        }
        Ok(())
    }

    /// Whether a message can be sent at once.
    async fn sends(&mut self, message: Outbound) -> Result<bool, S::Error> {
        let sending = async {
            let sending = self.service.ready().await?.call(message);
            let mut sending = pin!(sending);
            let sent = poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx))).await;
            Ok(matches!(sent, Poll::Ready(Ok(_))))
        };
        let sent = caught("the service that sends again", sending).await;
        sent.unwrap_or_else(|panicked| {
            note(&panicked);
            Ok(false)
        })
    }

    async fn due(&self) -> Option<Vec<Outbound>> {
        let mut sleep = pin!(sleep_until(Instant::now()));
        poll_fn(|cx| {
            loop {
                match self.unacked.take_due(cx) {
                    None => return Poll::Ready(None),
                    Some(Ok(messages)) => return Poll::Ready(Some(messages)),
                    Some(Err(None)) => return Poll::Pending,
                    Some(Err(Some(next))) => {
                        sleep.as_mut().reset(next);
                        if sleep.as_mut().poll(cx).is_pending() {
                            return Poll::Pending;
                        }
                    }
                }
            }
        })
        .await
    }
}

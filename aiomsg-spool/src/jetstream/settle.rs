//! Settling messages.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use aiomsg_core::Weight;
use async_nats::jetstream::AckKind;

use super::server::Server;
use crate::SpoolError;
use crate::store::{Fate, Settled, Usage};

/// The pause before a message that failed is given out again.
const AGAIN: Duration = Duration::from_millis(100);

impl Server {
    /// Tells the server. If that fails, it gives the messages out again, under the same ids.
    pub(super) async fn settle(&self, settled: Vec<Settled>) -> Result<Usage, SpoolError> {
        for Settled { seq, fate } in settled {
            let Some(given) = self.holding.lock().release(seq) else {
                continue;
            };
            let leaves = matches!(fate, Fate::Done | Fate::Dead(_));
            let told = match fate {
                Fate::Done => given.acker.ack().await,
                Fate::Failed => given.acker.ack_with(AckKind::Nak(Some(AGAIN))).await,
                Fate::Returned => given.acker.ack_with(AckKind::Nak(None)).await,
                Fate::Dead(reason) => {
                    self.publish_dead(&given.entry, &reason).await?;
                    given.acker.ack().await
                }
            };
            match told {
                Ok(()) if leaves => {
                    less(&self.messages, 1);
                    less(&self.bytes, given.entry.weight() as u64);
                }
                Ok(()) => {}
                Err(error) => tracing::debug!(%error, seq, "the server gives a message out again"),
            }
        }
        Ok(self.usage())
    }
}

fn less(count: &AtomicU64, by: u64) {
    let _ = count.fetch_update(Relaxed, Relaxed, |it| Some(it.saturating_sub(by)));
}

//! From producers into the spool, from where messages go to consumers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use aiomsg::Delivery;
use aiomsg::parts::vocabulary::Weight;
use tokio::time::Instant;

use super::super::control::{Gate, State};
use super::super::counts::{Loss, add};
use super::super::spool::{NotStored, Spooling};
use super::Relay;

/// The most messages, and bytes, that are collected for a commit.
const MOST: usize = 16_384;
const MOST_BYTES: usize = 16 << 20;

/// The messages that come while those before are stored.
struct Batch {
    messages: Vec<Delivery>,
    bytes: usize,
    /// When the first message was taken, if somebody wants the times.
    begun: Option<Instant>,
}

/// The batch that is being stored.
type Storing<'a> = Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>;

impl Relay {
    /// Runs until the frontend is closed and empty. One batch is stored while the next one
    /// is collected.
    pub(in crate::proxy) async fn spooled(self, mut gate: Gate, spool: Arc<Spooling>) {
        let mut storing: Storing<'_> = None;
        let mut batch = Batch::new();
        // What had arrived when the drain began, and is not yet taken.
        let mut rest = None;
        let mut open = true;
        while open || storing.is_some() || !batch.messages.is_empty() {
            if storing.is_none() && !batch.messages.is_empty() {
                let full = std::mem::replace(&mut batch, Batch::new());
                storing = Some(Box::pin(self.store(&spool, full)));
            }
            let state = gate.state();
            let most = match state {
                State::Running | State::Emptying => MOST,
                State::Paused => 0,
                State::Draining => {
                    let arrived = || self.frontend.stats().unreceived_messages;
                    MOST.min(*rest.get_or_insert_with(arrived) + batch.messages.len())
                }
            };
            if rest == Some(0) && batch.messages.is_empty() && storing.is_none() {
                spool.note_caught_up();
            }
            let most = match batch.bytes < MOST_BYTES {
                true => most.saturating_sub(batch.messages.len()),
                false => 0,
            };
            let before = batch.messages.len();
            tokio::select! {
                () = finish(&mut storing), if storing.is_some() => storing = None,
                received = self.frontend.recv_many(&mut batch.messages, most), if open && most > 0 => {
                    open = received.is_ok();
                    let count = batch.messages.len() - before;
                    if let Some(rest) = &mut rest {
                        *rest = rest.saturating_sub(count);
                    }
                    self.take(&mut batch, before, state == State::Emptying);
                }
                () = gate.wait_for(|now| now != state) => {}
            }
        }
    }

    /// Counts new messages, and makes them as consumers see them.
    fn take(&self, batch: &mut Batch, before: usize, closed: bool) {
        let counts = &self.counts.messages;
        let new = batch.messages.len() - before;
        counts.taken.fetch_add(new as u64, Relaxed);
        if closed {
            // Nobody is there any more to be told that a message is stored. Its producer has
            // it, and will send it again.
            let kept = batch.messages.split_off(before).into_iter();
            batch.messages.extend(kept.filter(|it| it.id().is_none()));
            let left = new - (batch.messages.len() - before);
            counts.unacknowledged.fetch_add(left as u64, Relaxed);
        }
        if batch.begun.is_none() && !batch.messages.is_empty() {
            batch.begun = self.counts.times.begin_batch();
        }
        let stored = &batch.messages[before..];
        batch.bytes += stored.iter().map(Weight::weight).sum::<usize>();
    }

    /// Stores messages, and acknowledges them then.
    async fn store(&self, spool: &Spooling, batch: Batch) {
        let Batch {
            messages: batch,
            begun,
            ..
        } = batch;
        let counts = &self.counts.messages;
        let unanswerable = AtomicU64::new(0);
        let outward = |it: &Delivery| {
            let mut message = self.outward_counting(it, &unanswerable);
            message.set_id(it.id());
            message
        };
        let messages = || {
            // Another try is not another message.
            unanswerable.store(0, Relaxed);
            batch.iter().map(outward)
        };
        let stored = spool.store(messages).await;
        let unanswerable = unanswerable.load(Relaxed);
        self.counts.unanswerable.fetch_add(unanswerable, Relaxed);
        match stored {
            Ok(()) => {
                self.counts.times.end(begun);
                counts.forwarded.fetch_add(batch.len() as u64, Relaxed);
                for message in &batch {
                    self.frontend.acknowledge(message);
                }
            }
            Err(why) => {
                for message in &batch {
                    match message.id() {
                        // Its producer keeps it, and sends it again.
                        Some(_) => add(&counts.unacknowledged),
                        None => self.counts.lose(counts, loss(why)),
                    }
                }
            }
        }
    }
}

impl Batch {
    fn new() -> Self {
        Self {
            messages: Vec::new(),
            bytes: 0,
            begun: None,
        }
    }
}

fn loss(why: NotStored) -> Loss {
    match why {
        NotStored::Refused => Loss::Refused,
        NotStored::GivenUp => Loss::Unstored,
    }
}

async fn finish(storing: &mut Storing<'_>) {
    match storing {
        Some(storing) => storing.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aiomsg::Socket;
    use metrics::Histogram;

    use super::*;

    /// The wait behind the batch before was not in the time of a message.
    #[tokio::test]
    async fn the_time_of_a_batch_begins_with_its_first_message() {
        let (frontend, producer) = (Socket::new().unwrap(), Socket::new().unwrap());
        frontend.bind("mem://batch-times").await.unwrap();
        producer.connect("mem://batch-times").unwrap();
        let relay = Relay::new(frontend.clone(), Socket::new().unwrap(), Arc::default());
        relay.counts.times.note_in(Histogram::noop());
        let mut batch = Batch::new();
        relay.take(&mut batch, 0, false);
        assert_eq!(batch.begun, None, "nothing was taken");
        let mut begun = Vec::new();
        for _ in 0..2 {
            producer.send("job").await.unwrap();
            let before = batch.messages.len();
            batch.messages.push(frontend.recv_message().await.unwrap());
            relay.take(&mut batch, before, false);
            begun.push(batch.begun.unwrap());
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(1)).await;
            tokio::time::resume();
        }
        assert_eq!(begun[0], begun[1]);
    }
}

//! From producers to consumers, each message acknowledged to its producer when a
//! consumer has acknowledged it.

use aiomsg::{Delivery, Error};
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::super::control::Gate;
use super::super::counts::{Loss, add};
use super::intake::Intake;
use super::{Relay, loss};

impl Relay {
    /// Runs until the frontend is closed and empty, with as many messages on
    /// their way at once.
    pub(in crate::proxy) async fn acknowledged(self, gate: Gate, window: usize) {
        let mut on_their_way = FuturesUnordered::new();
        let mut intake = Intake::new(&self, gate);
        let mut more = true;
        while more || !on_their_way.is_empty() {
            tokio::select! {
                biased;
                Some((message, result)) = on_their_way.next(), if !on_their_way.is_empty() => {
                    self.settle(&message, result);
                }
                message = intake.take(), if more && on_their_way.len() < window => {
                    match message {
                        Some(message) => on_their_way.push(self.hand_on(message)),
                        None => more = false,
                    }
                }
            }
        }
    }

    async fn hand_on(&self, message: Delivery) -> (Delivery, Result<(), Error>) {
        let outward = self.outward(&message).until_acked();
        let begun = self.counts.times.begin();
        let result = self.backend.send_message(outward).await;
        if result.is_ok() {
            self.counts.times.end(begun);
        }
        (message, result)
    }

    fn settle(&self, message: &Delivery, result: Result<(), Error>) {
        let counts = &self.counts.messages;
        let Err(error) = result else {
            add(&counts.forwarded);
            self.frontend.acknowledge(message);
            return;
        };
        match (message.id(), loss(&error)) {
            // Its producer hears nothing, and sends it again.
            (Some(_), _) => add(&counts.unacknowledged),
            (None, Some(why)) => self.counts.lose(counts, why),
            // The backend hands it back as not acknowledged.
            (None, None) => self.counts.lose(counts, Loss::Unacknowledged),
        }
    }
}

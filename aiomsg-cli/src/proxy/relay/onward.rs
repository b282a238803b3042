//! From producers to consumers, in their order.

use std::collections::VecDeque;

use aiomsg::{Delivery, Error, Outbound};
use futures::FutureExt;

use super::super::control::Gate;
use super::super::counts::add;
use super::intake::Intake;
use super::{Relay, loss};

/// The most messages that are handed on at once. A pause or a drain waits for them.
const AT_ONCE: usize = 64;

impl Relay {
    /// Runs until the frontend is closed and empty.
    pub(in crate::proxy) async fn onward(self, gate: Gate) {
        let mut intake = Intake::new(&self, gate);
        let (mut batch, mut outward) = (VecDeque::new(), VecDeque::new());
        while intake.take_many(&mut batch, AT_ONCE).await {
            let begun = self.counts.times.begin_batch();
            outward.extend(batch.iter().map(|message| self.outward(message)));
            while !outward.is_empty() {
                let sent = self.backend.send_many(&mut outward).now_or_never();
                // Their producers hear of these now, whatever becomes of those behind them.
                let accepted = batch.len() - outward.len();
                batch.drain(..accepted).for_each(|it| self.forwarded(&it));
                let first = match sent {
                    Some(Ok(())) => break,
                    Some(Err(error)) => {
                        outward.pop_front();
                        Err(error)
                    }
                    None => self.send_first(&mut outward).await,
                };
                let message = batch.pop_front();
                match first {
                    Ok(()) => message.iter().for_each(|it| self.forwarded(it)),
                    Err(error) => self.not_forwarded(message, &error),
                }
            }
            self.counts.times.end(begun);
        }
    }
    /// Sends the first of a batch, which has to wait. All of them are shown as waiting meanwhile.
    async fn send_first(&self, batch: &mut VecDeque<Outbound>) -> Result<(), Error> {
        let _waiting = self.in_hand.wait(batch);
        match batch.pop_front() {
            Some(first) => self.backend.send_message(first).await,
            None => Ok(()),
        }
    }

    fn forwarded(&self, message: &Delivery) {
        add(&self.counts.messages.forwarded);
        if self.defers {
            self.frontend.acknowledge(message);
        }
    }

    fn not_forwarded(&self, message: Option<Delivery>, error: &Error) {
        let counts = &self.counts.messages;
        // It is not acknowledged, and its producer sends it again.
        if self.defers && message.is_some_and(|it| it.id().is_some()) {
            add(&counts.unacknowledged);
        } else if let Some(why) = loss(error) {
            // If the backend is closed, it counts as not sent.
            self.counts.lose(counts, why);
        }
    }
}

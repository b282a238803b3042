//! From producers to consumers, in their order.

use std::collections::VecDeque;

use aiomsg::{Delivery, Error, Outbound};
use futures::FutureExt;

use super::super::control::Gate;
use super::super::counts::add;
use super::intake::Intake;
use super::{Relay, loss};

/// The most messages that are handed on at once. They are counted when all of them are, and a
/// pause or a drain waits for them.
const AT_ONCE: usize = 64;

impl Relay {
    /// Runs until the frontend is closed and empty.
    pub(in crate::proxy) async fn onward(self, gate: Gate) {
        let most = match self.defers {
            // Its producer hears of a message when it is forwarded, and not when those behind
            // it are, too.
            true => 1,
            false => AT_ONCE,
        };
        let mut intake = Intake::new(&self, gate);
        let (mut batch, mut outward) = (VecDeque::new(), VecDeque::new());
        while intake.take_many(&mut batch, most).await {
            let begun = self.counts.times.begin_batch();
            outward.extend(batch.iter().map(|message| self.outward(message)));
            while !outward.is_empty() {
                let sent = self.send(&mut outward).await;
                while batch.len() > outward.len()
                    && let Some(message) = batch.pop_front()
                {
                    self.forwarded(&message);
                }
                if let Err(error) = sent {
                    outward.pop_front();
                    self.not_forwarded(batch.pop_front(), &error);
                }
            }
            self.counts.times.end(begun);
        }
    }

    /// Sends a batch. What has to wait is shown meanwhile.
    async fn send(&self, batch: &mut VecDeque<Outbound>) -> Result<(), Error> {
        if let Some(sent) = self.backend.send_many(batch).now_or_never() {
            return sent;
        }
        let _waiting = self.in_hand.wait(batch);
        self.backend.send_many(batch).await
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

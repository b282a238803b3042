//! From producers to consumers, one message after the other.

use super::super::control::Gate;
use super::super::counts::add;
use super::intake::Intake;
use super::{Relay, loss};

impl Relay {
    /// Runs until the frontend is closed and empty.
    pub(in crate::proxy) async fn onward(self, gate: Gate) {
        let counts = &self.counts.messages;
        let mut intake = Intake::new(&self, gate);
        while let Some(message) = intake.take().await {
            let begun = self.counts.times.begin();
            match self.backend.send_message(self.outward(&message)).await {
                Ok(()) => {
                    add(&counts.forwarded);
                    self.counts.times.end(begun);
                    if self.defers {
                        self.frontend.acknowledge(&message);
                    }
                }
                // It is not acknowledged, and its producer sends it again.
                Err(_) if self.defers && message.id().is_some() => add(&counts.unacknowledged),
                Err(error) => {
                    // If the backend is closed, it counts as not sent.
                    if let Some(why) = loss(&error) {
                        self.counts.lose(counts, why);
                    }
                }
            }
        }
    }
}

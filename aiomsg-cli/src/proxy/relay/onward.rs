//! From creators to workers, one message after the other.

use super::super::control::Gate;
use super::super::counts::add;
use super::intake::Intake;
use super::{Relay, loss};

impl Relay {
    /// Runs until the frontend is closed and empty, or the backend is closed.
    pub(in crate::proxy) async fn onward(self, gate: Gate) {
        let counts = &self.counts.messages;
        let mut intake = Intake::new(&self, gate);
        while let Some(message) = intake.take().await {
            match self.backend.send(self.outward(&message)).await {
                Ok(()) => {
                    add(&counts.handed_on);
                    if self.defers {
                        self.frontend.acknowledge(&message);
                    }
                }
                Err(error) => match loss(&error) {
                    None => return,
                    // It is not acknowledged, and its creator sends it again.
                    Some(_) if self.defers && message.id().is_some() => add(&counts.left),
                    Some(why) => counts.lose(why),
                },
            }
        }
    }
}

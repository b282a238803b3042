//! Taking messages from the frontend, when they are taken.

use aiomsg::Delivery;

use super::super::control::{Gate, State};
use super::super::counts::add;
use super::Relay;

/// The messages taken from the frontend.
pub(super) struct Intake<'a> {
    relay: &'a Relay,
    gate: Gate,
    /// A message that came while the gate was closed. It is taken when that is
    /// open.
    held: Option<Delivery>,
}

impl<'a> Intake<'a> {
    pub(super) fn new(relay: &'a Relay, gate: Gate) -> Self {
        Self {
            relay,
            gate,
            held: None,
        }
    }

    /// The next message. `None`: there will be none.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a message that has come stays here.
    pub(super) async fn take(&mut self) -> Option<Delivery> {
        let counts = &self.relay.counts.messages;
        loop {
            self.gate.wait_for(|state| self.relay.takes_in(state)).await;
            if self.held.is_none() {
                tokio::select! {
                    // A message that is there costs no look at the gate beyond
                    // that above.
                    biased;
                    message = self.relay.frontend.recv_message() => {
                        self.held = Some(message.ok()?);
                    }
                    () = self.gate.wait_for(|state| !self.relay.takes_in(state)) => {}
                }
                // It may have been closed since it was looked at.
                continue;
            }
            let message = self.held.take()?;
            add(&counts.taken);
            let closed = self.gate.state() == State::Emptying;
            if closed && self.relay.defers && message.id().is_some() {
                // Nobody is there any more to be told that it is handled. Its
                // producer has it, and will send it again, elsewhere.
                add(&counts.unacknowledged);
                continue;
            }
            return Some(message);
        }
    }
}

//! Taking messages from the frontend, when they are taken.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;

use aiomsg::Delivery;

use super::super::control::{Gate, State};
use super::super::counts::add;
use super::Relay;

/// The messages taken from the frontend.
pub(super) struct Intake<'a> {
    relay: &'a Relay,
    gate: Gate,
    /// Messages that came while the gate was closed. They are taken when that is open.
    held: Vec<Delivery>,
    /// Empty, with the memory for one message.
    one: VecDeque<Delivery>,
}

impl<'a> Intake<'a> {
    pub(super) fn new(relay: &'a Relay, gate: Gate) -> Self {
        Self {
            relay,
            gate,
            held: Vec::new(),
            one: VecDeque::new(),
        }
    }

    /// The next message. `None`: there will be none.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a message that has come stays here.
    pub(super) async fn take(&mut self) -> Option<Delivery> {
        let mut one = std::mem::take(&mut self.one);
        self.take_many(&mut one, 1).await;
        let message = one.pop_front();
        self.one = one;
        message
    }

    /// The next messages: as many as there are, `most` at most. Returns whether there are any.
    /// Otherwise there will be none.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: messages that have come stay here.
    pub(super) async fn take_many(
        &mut self,
        messages: &mut VecDeque<Delivery>,
        most: usize,
    ) -> bool {
        let counts = &self.relay.counts.messages;
        loop {
            self.gate.wait_for(|state| self.relay.takes_in(state)).await;
            if self.held.is_empty() {
                tokio::select! {
                    // Messages that are there cost no look at the gate beyond that above.
                    biased;
                    received = self.relay.frontend.recv_many(&mut self.held, most) => {
                        if received.is_err() {
                            return false;
                        }
                    }
                    () = self.gate.wait_for(|state| !self.relay.takes_in(state)) => {}
                }
                continue;
            }
            counts.taken.fetch_add(self.held.len() as u64, Relaxed);
            let closed = self.gate.state() == State::Emptying;
            for message in self.held.drain(..) {
                if closed && self.relay.defers && message.id().is_some() {
                    // Nobody is there any more to be told that it is handled. Its producer has
                    // it, and will send it again, elsewhere.
                    add(&counts.unacknowledged);
                } else {
                    messages.push_back(message);
                }
            }
            if !messages.is_empty() {
                return true;
            }
        }
    }
}

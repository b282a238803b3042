//! Taking messages from the frontend, when they are taken.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;

use aiomsg::Delivery;

use super::super::control::{Gate, State};
use super::super::counts::add;
use super::Relay;

/// The messages taken from the frontend.
pub(super) struct Intake<'a> {
    relay: &'a Relay,
    gate: Gate,
    /// The same, to look at while it is waited for.
    looks: Gate,
    /// Messages that came while the gate was closed. They are taken when that is open.
    held: Vec<Delivery>,
    /// Empty, with the memory for one message.
    one: VecDeque<Delivery>,
}

impl<'a> Intake<'a> {
    pub(super) fn new(relay: &'a Relay, gate: Gate) -> Self {
        Self {
            relay,
            looks: gate.clone(),
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
                let gate = &self.looks;
                let mut receiving = pin!(self.relay.frontend.recv_many(&mut self.held, most));
                // Messages that come when the gate is closed stay in the inbox, where they are
                // counted.
                let receiving = poll_fn(|cx| match self.relay.takes_in(gate.state()) {
                    true => receiving.as_mut().poll(cx),
                    false => Poll::Pending,
                });
                tokio::select! {
                    // Messages that are there cost no wait for the gate beyond that above.
                    biased;
                    received = receiving => {
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
                if closed && self.relay.is_kept(&message) {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use aiomsg::Socket;
    use futures::FutureExt;
    use tokio::time::sleep;

    use super::super::super::control::Control;
    use super::*;

    /// They left the inbox, and during the pause they were in no count.
    #[tokio::test]
    async fn messages_that_come_with_a_pause_stay_in_the_inbox() {
        let (frontend, producer) = (Socket::new().unwrap(), Socket::new().unwrap());
        frontend.bind("mem://intake-pause").await.unwrap();
        producer.connect("mem://intake-pause").unwrap();
        let relay = Relay::new(frontend.clone(), Socket::new().unwrap(), Arc::default());
        let control = Control::new();
        let mut intake = Intake::new(&relay, control.gate());
        let mut taken = VecDeque::new();
        {
            let mut taking = std::pin::pin!(intake.take_many(&mut taken, 64));
            assert!(taking.as_mut().now_or_never().is_none());
            for _ in 0..3 {
                producer.send("job").await.unwrap();
            }
            while frontend.stats().unreceived_messages < 3 {
                sleep(Duration::from_millis(1)).await;
            }
            assert!(control.pause());
            assert!(taking.as_mut().now_or_never().is_none());
            assert_eq!(frontend.stats().unreceived_messages, 3);
            assert!(control.resume());
            assert!(taking.await);
        }
        assert_eq!(taken.len(), 3);
    }
}

//! Handing messages on, in both directions.
//!
//! ```text
//!  producers ─▶ frontend ─▶ [ gate ] ─▶ onward, or acknowledged ─▶ backend ─▶ consumers
//!  producers ◀─ frontend ◀──────────────────────────── replies ◀─ backend ◀─ consumers
//! ```

mod acknowledged;
mod intake;
mod onward;
mod replies;
mod return_address;
mod spooled;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use aiomsg::{Delivery, Error, Outbound, Socket};

use super::control::State;
use super::counts::{Counts, Loss, add};
use super::in_hand::InHand;
use return_address::ReturnAddresses;

/// The parts that both directions share.
#[derive(Clone)]
pub(super) struct Relay {
    pub(super) frontend: Socket,
    pub(super) backend: Socket,
    pub(super) counts: Arc<Counts>,
    /// Where replies go, if they are asked for.
    addresses: Option<Arc<ReturnAddresses>>,
    /// Whether messages are acknowledged to producers only when they are
    /// forwarded.
    defers: bool,
    /// The messages of a batch that wait for the backend.
    in_hand: Arc<InHand>,
}

impl Relay {
    pub(super) fn new(frontend: Socket, backend: Socket, counts: Arc<Counts>) -> Self {
        Self {
            frontend,
            backend,
            counts,
            addresses: None,
            defers: false,
            in_hand: Arc::default(),
        }
    }

    pub(super) fn holds_in(mut self, in_hand: &Arc<InHand>) -> Self {
        self.in_hand = Arc::clone(in_hand);
        self
    }

    pub(super) fn replies(mut self, are_wanted: bool) -> Self {
        self.addresses = are_wanted.then(Arc::default);
        self
    }

    pub(super) fn defers(mut self, defers: bool) -> Self {
        self.defers = defers;
        self
    }

    /// Whether the producer of a message keeps it, and sends it again, as long as it is not
    /// acknowledged here.
    fn is_kept(&self, message: &Delivery) -> bool {
        self.defers && message.id().is_some()
    }

    /// Whether messages are taken in this state.
    fn takes_in(&self, state: State) -> bool {
        match state {
            State::Running | State::Emptying => true,
            State::Paused => false,
            // An unacknowledged message stays with its producer.
            State::Draining => !self.defers,
        }
    }

    /// A message as consumers see it.
    fn outward(&self, message: &Delivery) -> Outbound {
        self.outward_counting(message, &self.counts.unanswerable)
    }

    /// The same, with a count of its own.
    fn outward_counting(&self, message: &Delivery, unanswerable: &AtomicU64) -> Outbound {
        let payload = message.payload();
        let payload = match &self.addresses {
            None => payload.clone(),
            Some(addresses) => addresses.put(message.from(), payload).unwrap_or_else(|| {
                add(unanswerable);
                payload.clone()
            }),
        };
        Outbound::new(payload).with_headers(message.headers().clone())
    }
}

/// Why a side did not take a message. `None`: it is closed, and the message
/// counts as not sent.
fn loss(error: &Error) -> Option<Loss> {
    if error.is_closed() {
        None
    } else if error.is_too_large() {
        Some(Loss::TooLarge)
    } else if error.is_timeout() {
        Some(Loss::Unacknowledged)
    } else {
        Some(Loss::Refused)
    }
}

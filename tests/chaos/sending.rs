//! Who sends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aiomsg::{Error, Outbound, Socket};
use tokio::time::{sleep, timeout};

use crate::ledger::{Outcome, Party};
use crate::payload::{Name, name, payload};
use crate::plan::StreamPlan;
use crate::world::World;

/// A task that sends messages of one stream.
pub(crate) struct Stream {
    pub(crate) world: Arc<World>,
    pub(crate) socket: Socket,
    pub(crate) party: Party,
    pub(crate) number: usize,
    /// Which task of the stream this is.
    pub(crate) task: usize,
    /// The network is well again.
    pub(crate) late: bool,
}

/// The longest pause: a stream is to see soon that its socket is closed.
const LONGEST: Duration = Duration::from_secs(5);

/// The longest pause when the network is well: a round has an end.
const LATE: Duration = Duration::from_millis(1);

impl Stream {
    fn plan(&self) -> &StreamPlan {
        &self.world.plan.hosts[self.party.host].streams[self.number]
    }

    pub(crate) async fn run(self) {
        let (host, number) = (self.party.host, self.number);
        let salt = (host << 16 | number << 8 | self.task) as u64;
        let mut rng = fastrand::Rng::with_seed(self.world.plan.seed ^ salt << 32);
        loop {
            let pause = match self.late {
                true => self.plan().pause.min(LATE),
                false => self.plan().pause,
            };
            if !pause.is_zero() && rng.u32(0..8) == 0 {
                sleep(pause.mul_f64(8.0 * rng.f64()).min(LONGEST)).await;
            }
            let goes_on = match self.plan().batch {
                Some(most) => self.send_batch(most, &mut rng).await,
                None => self.send_one(&mut rng).await,
            };
            if !goes_on {
                return;
            }
        }
    }

    /// The next message, unless all have been sent.
    fn next(&self, rng: &mut fastrand::Rng) -> Option<(Name, Outbound)> {
        let (plan, party) = (self.plan(), self.party);
        let counts = plan.counts;
        let last = match self.late {
            true => counts[0] + counts[1],
            false => counts[0],
        };
        let progress = &self.world.progress[party.host][self.number];
        let below = |next: usize| (next < last).then_some(next + 1);
        let number = progress
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, below)
            .ok()?;
        let name = Name {
            host: party.host,
            stream: self.number,
            number,
        };
        let mut message = Outbound::new(payload(name, rng.usize(0..plan.size)));
        if let Some(to) = plan.to {
            message = message.to(World::identity(to));
        }
        if plan.acked {
            message = message.until_acked();
        }
        let ledger = &self.world.ledger;
        ledger.sending(name, party, plan.to, plan.acked, self.late);
        Some((name, message))
    }

    async fn send_one(&self, rng: &mut fastrand::Rng) -> bool {
        let Some((name, message)) = self.next(rng) else {
            return false;
        };
        let sending = self.socket.send_message(message);
        let result = match self.plan().patience {
            None => Some(sending.await),
            Some(patience) => timeout(patience, sending).await.ok(),
        };
        let mut goes_on = true;
        let outcome = match result {
            None => Outcome::GivenUp,
            Some(Ok(())) if self.plan().acked => Outcome::Acknowledged,
            Some(Ok(())) => Outcome::Accepted,
            Some(Err(error)) => {
                goes_on = !error.is_closed();
                self.refused(name, error)
            }
        };
        self.world.ledger.outcome(name, outcome);
        goes_on
    }

    /// What became of a message, by the error of its send.
    fn refused(&self, sent: Name, mut error: Error) -> Outcome {
        let acked = self.plan().acked;
        let closed = error.is_closed();
        match error.take_message() {
            Some(message) if name(message.payload()) != Some(sent) => {
                let party = self.party;
                let fault = format_args!("{party}: {sent} was sent, another came back: {error}");
                self.world.fault(fault);
                Outcome::Refused
            }
            Some(_) if acked && !closed => Outcome::LostHope,
            Some(_) => Outcome::Refused,
            None if acked && closed => Outcome::Unreturned,
            None => {
                let party = self.party;
                let fault = format_args!("{party}: {sent} did not come back: {error}");
                self.world.fault(fault);
                Outcome::Refused
            }
        }
    }

    async fn send_batch(&self, most: usize, rng: &mut fastrand::Rng) -> bool {
        let batch: VecDeque<_> = std::iter::from_fn(|| self.next(rng)).take(most).collect();
        if batch.is_empty() {
            return false;
        }
        let (names, mut messages): (Vec<_>, VecDeque<_>) = batch.into_iter().unzip();
        let mut done = 0;
        loop {
            let sending = self.socket.send_many(&mut messages);
            let result = match self.plan().patience {
                None => Some(sending.await),
                Some(patience) => timeout(patience, sending).await.ok(),
            };
            let sent = names.len() - messages.len();
            for name in &names[done..sent] {
                self.world.ledger.outcome(*name, Outcome::Accepted);
            }
            done = sent;
            let rest = match result {
                Some(Ok(())) => return true,
                // What is left is sent again, or not at all.
                None if rng.bool() => continue,
                None => Outcome::GivenUp,
                Some(Err(error)) if error.is_closed() => Outcome::Refused,
                Some(Err(_)) => {
                    // There was no room for the first of them.
                    messages.pop_front();
                    self.world.ledger.outcome(names[done], Outcome::Refused);
                    done += 1;
                    sleep(Duration::from_millis(1)).await;
                    continue;
                }
            };
            for name in &names[done..] {
                self.world.ledger.outcome(*name, rest);
            }
            return rest == Outcome::GivenUp;
        }
    }
}

//! From producers to consumers, in their order.

use std::collections::VecDeque;
use std::pin::pin;

use aiomsg::{Delivery, Error, Outbound};
use futures::FutureExt;
use tokio::time::Instant;

use super::super::control::{Gate, State};
use super::super::counts::add;
use super::intake::Intake;
use super::{Relay, loss};

/// The most messages that are handed on at once. A pause waits for them.
const AT_ONCE: usize = 64;

/// The same in bytes of payload, if they are as large as those before. They are out of the inbox,
/// whose limit no longer counts them.
const BYTES_AT_ONCE: usize = 256 << 10;

impl Relay {
    /// Runs until the frontend is closed and empty.
    pub(in crate::proxy) async fn onward(self, mut gate: Gate) {
        let mut intake = Intake::new(&self, gate.clone());
        let (mut batch, mut outward) = (VecDeque::new(), VecDeque::new());
        let mut most = AT_ONCE;
        while intake.take_many(&mut batch, most).await {
            let mut begun = self.counts.times.begin_batch();
            most = next_at_once(&batch);
            outward.extend(batch.iter().map(|message| self.outward(message)));
            while !outward.is_empty() {
                let sent = self.backend.send_many(&mut outward).now_or_never();
                // Their producers hear of these now, whatever becomes of those behind them.
                let accepted = batch.len() - outward.len();
                for message in batch.drain(..accepted) {
                    self.forwarded(&message, &mut begun);
                }
                let first = match sent {
                    Some(Ok(())) => break,
                    Some(Err(error)) => Err(error),
                    None => self.send_first(&mut batch, &mut outward, &mut gate).await,
                };
                outward.pop_front();
                let message = batch.pop_front();
                match first {
                    Ok(()) => message.iter().for_each(|it| self.forwarded(it, &mut begun)),
                    Err(error) => self.not_forwarded(message, &error),
                }
            }
        }
    }

    /// Sends the first of a batch, which has to wait, and leaves it there. All of them are shown
    /// as waiting meanwhile.
    async fn send_first(
        &self,
        batch: &mut VecDeque<Delivery>,
        outward: &mut VecDeque<Outbound>,
        gate: &mut Gate,
    ) -> Result<(), Error> {
        let Some(first) = outward.front().cloned() else {
            return Ok(());
        };
        let _waiting = self.in_hand.wait(outward);
        let mut sending = pin!(self.backend.send_message(first));
        if !self.defers {
            return sending.await;
        }
        tokio::select! {
            biased;
            sent = &mut sending => return sent,
            () = gate.wait_for(State::is_ending) => {}
        }
        self.leave_others(batch, outward);
        let _waiting = self.in_hand.wait(outward);
        sending.await
    }

    /// Leaves the messages behind the first to their producers: these will soon be gone, and could
    /// not be told any more that a message is handled. They send it again, elsewhere.
    fn leave_others(&self, batch: &mut VecDeque<Delivery>, outward: &mut VecDeque<Outbound>) {
        for (message, as_sent) in batch.split_off(1).into_iter().zip(outward.split_off(1)) {
            if self.is_kept(&message) {
                add(&self.counts.messages.unacknowledged);
            } else {
                batch.push_back(message);
                outward.push_back(as_sent);
            }
        }
    }

    /// `begun` is the time of the batch, for its first message that is forwarded.
    fn forwarded(&self, message: &Delivery, begun: &mut Option<Instant>) {
        add(&self.counts.messages.forwarded);
        self.counts.times.end(begun.take());
        if self.defers {
            self.frontend.acknowledge(message);
        }
    }

    fn not_forwarded(&self, message: Option<Delivery>, error: &Error) {
        let counts = &self.counts.messages;
        // It is not acknowledged, and its producer sends it again.
        if message.is_some_and(|it| self.is_kept(&it)) {
            add(&counts.unacknowledged);
        } else if let Some(why) = loss(error) {
            // If the backend is closed, it counts as not sent.
            self.counts.lose(counts, why);
        }
    }
}

/// How many messages of the size of these are handed on at once.
fn next_at_once(batch: &VecDeque<Delivery>) -> usize {
    let bytes: usize = batch.iter().map(|it| it.payload().len()).sum();
    let room = BYTES_AT_ONCE.saturating_mul(batch.len());
    room.checked_div(bytes).unwrap_or(AT_ONCE).clamp(1, AT_ONCE)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use aiomsg::{AckMode, Limits, Socket};
    use metrics::{Histogram, HistogramFn};
    use tokio::task::JoinHandle;
    use tokio::time::{sleep, timeout};

    use super::super::super::control::Control;
    use super::super::super::counts::{Counts, read};
    use super::*;
    use crate::common::wait;

    /// The recorded times.
    #[derive(Default)]
    struct Times(Mutex<Vec<f64>>);

    impl HistogramFn for Times {
        fn record(&self, value: f64) {
            self.0.lock().unwrap().push(value);
        }
    }

    impl Times {
        /// Those of a relay.
        fn of(relay: &Relay) -> Arc<Self> {
            let times = Arc::<Self>::default();
            let histogram = Histogram::from_arc(Arc::clone(&times));
            relay.counts.times.note_in(histogram);
            times
        }

        fn len(&self) -> usize {
            self.0.lock().unwrap().len()
        }
    }

    /// A frontend with these messages in its inbox, and their producer, at-least-once.
    async fn frontend(name: &str, texts: &[&str]) -> (Socket, Socket) {
        let producer = Socket::builder().at_least_once().build().unwrap();
        (frontend_of(&producer, name, texts).await, producer)
    }

    async fn frontend_of(producer: &Socket, name: &str, texts: &[&str]) -> Socket {
        let frontend = Socket::builder().ack_mode(AckMode::Handled).build();
        let frontend = frontend.unwrap();
        let at = format!("mem://{name}");
        frontend.bind(at.as_str()).await.unwrap();
        producer.connect(at.as_str()).unwrap();
        for text in texts {
            producer.send(*text).await.unwrap();
        }
        until(|| frontend.stats().unreceived_messages == texts.len()).await;
        frontend
    }

    /// Runs a relay.
    fn start(relay: Relay) -> (Arc<Counts>, Control, JoinHandle<()>) {
        let (counts, control) = (Arc::clone(&relay.counts), Control::new());
        let task = tokio::spawn(relay.onward(control.gate()));
        (counts, control, task)
    }

    async fn until(is_so: impl Fn() -> bool) {
        let wait = wait::until(is_so);
        timeout(Duration::from_secs(10), wait).await.unwrap();
    }

    /// A socket without peers that has room for two messages.
    fn backend_with_room_for_two() -> Socket {
        let room = Limits {
            items: 2,
            bytes: 1000,
        };
        Socket::builder().buffer_limits(room).build().unwrap()
    }

    /// The time of the last one was taken, which contained the waits of all before it.
    #[tokio::test]
    async fn the_time_of_a_batch_is_that_of_its_first_message() {
        let (frontend, _producer) = frontend("onward-first-time", &["a", "b", "c", "d"]).await;
        let relay = Relay::new(frontend, backend_with_room_for_two(), Arc::default());
        let times = Times::of(&relay);
        let (counts, _control, task) = start(relay);
        until(|| read(&counts.messages.forwarded) == 2).await;
        // The third waits.
        assert_eq!(times.len(), 1);
        task.abort();
    }

    /// A batch of large messages took the whole inbox, which then filled again behind it.
    #[tokio::test]
    async fn few_large_messages_are_out_of_the_inbox_at_once() {
        let (frontend, producer) = frontend("onward-large", &["first"]).await;
        let room = Limits {
            items: 3,
            bytes: 1 << 20,
        };
        let backend = Socket::builder().buffer_limits(room).build().unwrap();
        let relay = Relay::new(frontend.clone(), backend, Arc::default());
        let (counts, control, task) = start(relay);
        let forwarded = || read(&counts.messages.forwarded);
        until(|| forwarded() == 1).await;
        producer.send(vec![0; 200 << 10]).await.unwrap();
        until(|| forwarded() == 2).await;
        assert!(control.pause());
        for _ in 0..10 {
            producer.send(vec![0; 100 << 10]).await.unwrap();
        }
        until(|| frontend.stats().unreceived_messages == 10).await;
        assert!(control.resume());
        until(|| forwarded() == 3).await;
        // The buffer is full, and two wait.
        until(|| counts.messages.in_hand() > 0).await;
        assert_eq!(frontend.stats().unreceived_messages, 7);
        task.abort();
    }

    #[tokio::test]
    async fn messages_that_are_not_forwarded_are_not_timed() {
        let (frontend, _producer) =
            frontend("onward-no-time", &["too large", "also too large"]).await;
        let backend = Socket::builder().max_message_size(2).build().unwrap();
        let relay = Relay::new(frontend, backend, Arc::default());
        let times = Times::of(&relay);
        let (counts, _control, task) = start(relay);
        until(|| counts.messages.all_lost() == 2).await;
        sleep(Duration::from_millis(10)).await;
        assert_eq!(times.len(), 0);
        task.abort();
    }

    /// A drain waited for the whole batch. What it forwarded after the end of the frontend, it
    /// could acknowledge to nobody, and so consumers got it twice.
    #[tokio::test]
    async fn a_drain_leaves_the_rest_of_a_batch_to_its_producer() {
        let (frontend, _producer) = frontend("onward-drain", &["a", "b", "c", "d", "e"]).await;
        let backend = backend_with_room_for_two();
        let relay = Relay::new(frontend, backend.clone(), Arc::default()).defers(true);
        let (counts, control, task) = start(relay);
        until(|| read(&counts.messages.forwarded) == 2).await;
        assert_eq!(read(&counts.messages.taken), 5);
        control.set(State::Draining);
        // One waits in the backend.
        until(|| counts.messages.in_hand() == 1).await;
        let (forwarded, left) = (&counts.messages.forwarded, &counts.messages.unacknowledged);
        assert_eq!((read(forwarded), read(left)), (2, 2));
        task.abort();
    }

    /// A message that asks for no acknowledgement is with nobody else.
    #[tokio::test]
    async fn a_drain_forwards_what_nobody_sends_again() {
        let (producer, texts) = (Socket::new().unwrap(), ["a", "b", "c", "d"]);
        let frontend = frontend_of(&producer, "onward-drain-all", &texts).await;
        let backend = backend_with_room_for_two();
        let relay = Relay::new(frontend, backend.clone(), Arc::default()).defers(true);
        let (counts, control, task) = start(relay);
        until(|| read(&counts.messages.forwarded) == 2).await;
        control.set(State::Draining);
        let consumer = Socket::new().unwrap();
        consumer.bind("mem://onward-drain-consumer").await.unwrap();
        backend.connect("mem://onward-drain-consumer").unwrap();
        for text in texts {
            let received = timeout(Duration::from_secs(10), consumer.recv_message()).await;
            assert_eq!(received.unwrap().unwrap().payload(), text);
        }
        assert_eq!(read(&counts.messages.unacknowledged), 0);
        task.abort();
    }
}

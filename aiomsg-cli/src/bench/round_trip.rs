//! Messages that come back.

use std::collections::HashMap;
use std::time::Duration;

use aiomsg::layer::SendService;
use aiomsg::parts::vocabulary::sync::{Mutex, MutexGuard};
use aiomsg::{Error, Socket};
use bytes::{BufMut, Bytes, BytesMut};
use hdrhistogram::Histogram;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};

use super::LoadArgs;
use super::report::{Latency, Refusals, Report};
use crate::common::failure::{Failure, Outcome};

/// A minute, in nanoseconds: more counts as that.
const LONGEST: u64 = 60_000_000_000;

pub(super) async fn measure<S: SendService + Send>(
    socket: &Socket<S>,
    load: &LoadArgs,
) -> Outcome<Report> {
    let begin = Instant::now() + load.warm_up;
    let run = Run {
        socket,
        // Answers to somebody else, or to an earlier run, are told apart by it.
        salt: fastrand::u64(..),
        waiting: Mutex::default(),
        free: Semaphore::new(load.in_flight as usize),
        begin,
        end: begin + load.duration,
        size: load.size,
    };
    let mut answers = Answers::new()?;
    let mut refused = Refusals::default();
    let receive = async {
        loop {
            run.receive(&mut answers).await?;
        }
    };
    // Sending ends with the time, and then there are the last answers to wait for.
    let send = async {
        run.send(&mut refused).await?;
        let late = Instant::now() + load.answer_within;
        while run.has_waiting() && Instant::now() < late {
            sleep(Duration::from_millis(1)).await;
        }
        Ok::<_, Error>(())
    };
    let overdue = async {
        while !run.is_overdue(load.answer_within) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        failed = receive => {
            let failed: Result<std::convert::Infallible, Error> = failed;
            failed.map(drop)?;
        }
        sent = send => sent?,
        // A message that is lost would hold its place until the end.
        () = overdue => {}
    }
    let missing = run.lock().len() as u64;
    Ok(Report {
        what: "round trips",
        messages: answers.latencies.len(),
        size: load.size,
        in_flight: Some(load.in_flight),
        seconds: answers
            .last
            .map_or(0.0, |last| (last - begin).as_secs_f64()),
        missing,
        strange: answers.strange,
        refused,
        latency: Some(Latency(answers.latencies)),
    })
}

struct Run<'a, S> {
    socket: &'a Socket<S>,
    salt: u64,
    /// When each message was sent that has not come back. As many as may be in
    /// flight.
    waiting: Mutex<HashMap<u64, Instant>>,
    free: Semaphore,
    begin: Instant,
    end: Instant,
    size: usize,
}

struct Answers {
    latencies: Histogram<u64>,
    strange: u64,
    last: Option<Instant>,
}

impl Answers {
    fn new() -> Outcome<Self> {
        let latencies = Histogram::new_with_bounds(1, LONGEST, 3);
        Ok(Self {
            latencies: latencies.map_err(|error| Failure::because(&error))?,
            strange: 0,
            last: None,
        })
    }
}

impl<S: SendService + Send> Run<'_, S> {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        self.waiting.lock()
    }

    fn has_waiting(&self) -> bool {
        !self.lock().is_empty()
    }

    fn is_overdue(&self, patience: Duration) -> bool {
        let oldest = self.lock().values().min().copied();
        oldest.is_some_and(|sent| sent.elapsed() > patience)
    }

    async fn send(&self, refused: &mut Refusals) -> Result<(), Error> {
        let mut number = 0;
        loop {
            let place = tokio::select! {
                biased;
                () = sleep_until(self.end) => return Ok(()),
                place = self.free.acquire() => place,
            };
            match place {
                Ok(place) => place.forget(),
                Err(_) => return Ok(()),
            }
            number += 1;
            let mut message = BytesMut::with_capacity(self.size);
            message.put_u64(self.salt);
            message.put_u64(number);
            message.resize(self.size, 0);
            self.lock().insert(number, Instant::now());
            if let Err(error) = self.socket.send(message).await {
                self.lock().remove(&number);
                self.free.add_permits(1);
                refused.add(error)?;
            }
        }
    }

    async fn receive(&self, answers: &mut Answers) -> Result<(), Error> {
        let message = self.socket.recv().await?;
        let now = Instant::now();
        let number = self.number(&message);
        let sent = number.and_then(|number| self.lock().remove(&number));
        let Some(sent) = sent else {
            answers.strange += 1;
            return Ok(());
        };
        if sent >= self.begin {
            let time = u64::try_from((now - sent).as_nanos()).unwrap_or(LONGEST);
            answers.latencies.saturating_record(time.clamp(1, LONGEST));
            answers.last = Some(now);
        }
        self.free.add_permits(1);
        Ok(())
    }

    /// Which of our messages it is, as it was.
    fn number(&self, message: &Bytes) -> Option<u64> {
        let (salt, rest) = message.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let is_ours = u64::from_be_bytes(*salt) == self.salt && rest.len() + 16 == self.size;
        is_ours.then(|| u64::from_be_bytes(*number))
    }
}

//! Sending at a rate.

use bytes::{Bytes, BytesMut};

use super::pacer::Pacer;
use super::source::{SENDER, block};
use super::{Outlet, STRIDE, Together, cpu_time, with_each};
use crate::library::{Failure, Job, Outcome, Pace};
use crate::parent::{Parent, Report};
use crate::process::shared_clock;

/// Sends at the pace of the job, through one socket after the other.
pub(super) async fn send<O: Outlet>(
    job: &Job,
    pace: Pace,
    parent: &Parent,
    together: Together,
    outlets: Vec<O>,
) -> Outcome {
    let (size, seconds) = (job.size, job.seconds);
    // One loop sends through all sockets, so that all keep the same pace.
    let running = with_each(together, vec![outlets], |_, outlets| {
        send_all(size, seconds, pace, outlets)
    });
    let sent = running.await?;
    for (report, cpu, _) in &sent {
        parent.done(*report, *cpu)?;
    }
    // What a library still has to send it sends while its sockets are there.
    std::future::pending::<()>().await;
    drop(sent);
    Ok(())
}

async fn send_all<O: Outlet>(
    size: usize,
    seconds: f64,
    pace: Pace,
    mut outlets: Vec<O>,
) -> Result<(Report, std::time::Duration, Vec<O>), Failure> {
    let senders = outlets.len();
    let mut sources: Vec<_> = (0..senders)
        .map(|nth| Stamped::new(size, nth, senders))
        .collect();
    let total = pace.in_seconds(seconds);
    let several = senders > 1;
    let cpu = cpu_time();
    let mut pacer = Pacer::new(pace);
    let started_nanos = pacer.started();
    let until = started_nanos + (seconds * 1e9) as u64;
    let mut number = 0;
    let mut nth = 0;
    while number < total && (number % STRIDE != 0 || shared_clock() < until) {
        if pacer.is_early(number) {
            // Only what is due at once is sent at once.
            outlets[nth].flush().await?;
            pacer.wait(number).await;
        }
        nth = (number % senders as u64) as usize;
        let message = sources[nth].message(pacer.counts_from(number));
        outlets[nth].send(message).await?;
        if several {
            outlets[nth].flush().await?;
        }
        number += 1;
    }
    for outlet in &mut outlets {
        outlet.finish().await?;
    }
    let report = Report {
        messages: number,
        started_nanos,
        ..Report::default()
    };
    Ok((report, cpu + pacer.spun(), outlets))
}

/// Makes messages with the time that they count from behind the number.
struct Stamped {
    size: usize,
    number: u64,
    block_size: usize,
    block: BytesMut,
}

impl Stamped {
    fn new(size: usize, nth: usize, senders: usize) -> Self {
        Self {
            size: size.max(16),
            number: (nth as u64) << SENDER,
            block_size: block(senders),
            block: BytesMut::new(),
        }
    }

    #[inline]
    fn message(&mut self, nanos: u64) -> Bytes {
        if self.block.len() < self.size {
            self.block = BytesMut::zeroed(self.block_size.max(self.size));
        }
        let mut message = self.block.split_to(self.size);
        message[..8].copy_from_slice(&self.number.to_le_bytes());
        message[8..16].copy_from_slice(&nanos.to_le_bytes());
        self.number += 1;
        message.freeze()
    }
}

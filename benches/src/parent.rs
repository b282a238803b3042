//! The process that has started this one for a role: what it is told by lines on
//! our output, and what it says by lines on our input.

use std::io::BufRead;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::library::{Failure, Outcome};
use crate::process::{cpu_time, peak_memory, usage};

/// The parent of this process.
#[derive(Debug, Clone)]
pub struct Parent {
    orders: watch::Receiver<Orders>,
    /// Another process that belongs to the role, and its processor time so far.
    helper: Arc<OnceLock<(u32, Duration)>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Orders {
    go: bool,
    expected: Option<u64>,
}

/// What a role has done.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Report {
    /// How many messages it has sent or received.
    pub messages: u64,
    /// When it began to send, and when the last message was there: in
    /// nanoseconds, on a clock that all processes share.
    pub started_nanos: u64,
    /// See `started_nanos`.
    pub ended_nanos: u64,
    /// Processor time of all threads from the first message to the last.
    pub cpu_nanos: u64,
    /// The most memory that was resident, in bytes.
    pub peak_bytes: u64,
    /// How long half of the messages or round trips took at most, in nanoseconds.
    pub p50_nanos: Option<u64>,
    /// How long 99 of 100 took at most, in nanoseconds.
    pub p99_nanos: Option<u64>,
    /// How long 999 of 1,000 took at most, in nanoseconds.
    pub p999_nanos: Option<u64>,
    /// How long half of the bursts took at most from the first send to the last arrival.
    pub burst_nanos: Option<u64>,
}

impl Parent {
    /// Listens to the parent. When it closes our input, or dies, this process
    /// ends.
    pub(crate) fn listen() -> Self {
        let (say, orders) = watch::channel(Orders::default());
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                let Ok(line) = line else { break };
                say.send_modify(|orders| match line.strip_prefix("expect ") {
                    Some(count) => orders.expected = count.parse().ok(),
                    None => orders.go |= line == "go",
                });
            }
            std::process::exit(0);
        });
        Self {
            orders,
            helper: Arc::default(),
        }
    }

    /// Counts from now on the processor time of a process with that of this one, to 10 ms. There
    /// is one such process at most.
    pub fn helped_by(&self, id: u32) {
        self.helper.get_or_init(|| (id, usage(id).cpu));
    }

    /// Says where this process can be connected to.
    pub fn listening(&self, address: impl std::fmt::Display) {
        println!("listening {address}");
    }

    /// Says that everything is set up, and waits for the start.
    ///
    /// # Errors
    ///
    /// When the parent is gone.
    pub async fn ready(&self) -> Outcome {
        println!("ready");
        let mut orders = self.orders.clone();
        match orders.wait_for(|orders| orders.go).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Failure::new("the parent is gone")),
        }
    }

    /// How many messages there are in all, once they are all sent.
    pub fn expected(&self) -> Option<u64> {
        self.orders.borrow().expected
    }

    /// Says what was done since the [processor time](crate::drive::cpu_time) was
    /// `cpu`.
    ///
    /// # Errors
    ///
    /// When the report cannot be written down.
    pub fn done(&self, report: Report, cpu: Duration) -> Outcome {
        let helper = self.helper.get();
        let helped = helper.map(|(id, before)| usage(*id).cpu.saturating_sub(*before));
        let used = cpu_time().saturating_sub(cpu) + helped.unwrap_or_default();
        let report = Report {
            cpu_nanos: u64::try_from(used.as_nanos())?,
            peak_bytes: peak_memory(),
            ..report
        };
        println!("done {}", serde_json::to_string(&report)?);
        Ok(())
    }
}

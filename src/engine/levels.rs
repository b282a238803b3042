//! Reports of full queues.

use std::time::Duration;

use aiomsg_core::Identity;
use aiomsg_core::sync::Mutex;
use aiomsg_layers::queue::Level;
use tokio::time::Instant;

use super::events::Reporter;

/// The shortest time between two reports. A fully used queue is high and low many times a
/// second, and reporting each would push out all other events.
const QUIET: Duration = Duration::from_secs(1);

/// The reports about the queue of one peer.
pub(crate) struct Levels {
    reporter: Reporter,
    peer: Identity,
    /// None before the first report: most queues are never full.
    told: Mutex<Option<Box<Told>>>,
}

#[derive(Default)]
struct Told {
    high: bool,
    at: Option<Instant>,
}

impl Levels {
    pub(crate) fn new(reporter: Reporter, peer: Identity) -> Self {
        Self {
            reporter,
            peer,
            told: Mutex::default(),
        }
    }

    /// Reports a high at most once a second, and the low that follows a reported one.
    pub(crate) fn note(&self, level: Level) {
        {
            let mut told = self.told.lock();
            let told = told.get_or_insert_default();
            match level {
                Level::Low if !told.high => return,
                Level::Low => {}
                Level::High => {
                    let now = Instant::now();
                    if told.high || told.at.is_some_and(|at| now < at + QUIET) {
                        return;
                    }
                    told.at = Some(now);
                }
            }
            told.high = level == Level::High;
        }
        self.reporter.queue(&self.peer, level);
    }
}

//! Waiting until a message is due.

use std::time::Duration;

use tokio::time::sleep;

use crate::library::Pace;
use crate::process::shared_clock;

/// Timers of the runtime are good to a millisecond, so the rest of a wait is spun away.
const COARSE: u64 = 2_000_000;

/// After how long a spin the runtime looks for what has happened.
const SLICE: u64 = 50_000;

/// The clock is read again within some 30 ns. After more than this the thread was not running,
/// and has used no processor time.
const PREEMPTED: u64 = 2_000;

/// Says when messages are due, and keeps the processor time of its waiting apart.
///
/// A timer that wakes the process costs as much as sending a message, and those of tokio are
/// good to a millisecond. So the pacer spins on the clock, and counts how long it did: that
/// is subtracted from the processor time of the process. Between two messages the tasks of the
/// runtime have their turn, until none is ready.
#[derive(Debug)]
pub(super) struct Pacer {
    pace: Pace,
    started: u64,
    /// When the clock was first seen beyond the end of the last wait, before the tasks of the
    /// runtime had their turn.
    awake: u64,
    spun: u64,
}

impl Pacer {
    /// The first message is due now.
    pub(super) fn new(pace: Pace) -> Self {
        let started = shared_clock();
        Self {
            pace,
            started,
            awake: started,
            spun: 0,
        }
    }

    /// Whether a message has to wait.
    #[inline]
    pub(super) fn is_early(&self, number: u64) -> bool {
        let due = self.due_at(number);
        due > self.awake && due > shared_clock()
    }

    /// The time from which on the library is to have a message: when it was due. What was due
    /// before the pacer awoke counts from then. So the lateness of the pacer is no latency, and
    /// that of a library that held up the sender is, in a call or in its tasks.
    #[inline]
    pub(super) fn counts_from(&self, number: u64) -> u64 {
        self.due_at(number).max(self.awake)
    }

    /// How long it has spun. No other thread of the process is in this.
    pub(super) fn spun(&self) -> Duration {
        Duration::from_nanos(self.spun)
    }

    /// When it began.
    pub(super) fn started(&self) -> u64 {
        self.started
    }

    #[inline]
    fn due_at(&self, number: u64) -> u64 {
        self.started + number / self.pace.at_once * self.pace.every_nanos
    }

    /// Waits until a message is due.
    pub(super) async fn wait(&mut self, number: u64) {
        let due = self.due_at(number);
        loop {
            tokio::task::yield_now().await;
            let now = shared_clock();
            if now >= due {
                return;
            }
            match (due - now).checked_sub(COARSE) {
                None => self.spin(due.min(now + SLICE)),
                Some(coarse) => sleep(Duration::from_nanos(coarse)).await,
            }
            // What the tasks of the library take from here on counts.
            let woke = shared_clock();
            if woke >= due {
                self.awake = woke;
            }
        }
    }

    fn spin(&mut self, until: u64) {
        let mut now = shared_clock();
        while now < until {
            std::hint::spin_loop();
            let then = std::mem::replace(&mut now, shared_clock());
            if now - then < PREEMPTED {
                self.spun += now - then;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::block_on;

    const PACE: Pace = Pace {
        every_nanos: 100_000,
        at_once: 3,
    };

    #[test]
    fn it_waits_for_what_is_not_due_and_for_nothing_else() {
        block_on(async {
            let mut pacer = Pacer::new(PACE);
            for number in 0..60 {
                if pacer.is_early(number) {
                    assert_eq!(number % 3, 0, "what is due at once waits once");
                    pacer.wait(number).await;
                }
                let due = pacer.started() + number / 3 * 100_000;
                assert!(shared_clock() >= due, "{number} is sent when it is due");
                assert!(pacer.counts_from(number) >= due);
                assert!(pacer.counts_from(number) <= shared_clock());
            }
            assert!(pacer.spun() <= Duration::from_millis(2), "20 pauses");
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_message_that_the_library_holds_up_counts_from_when_it_was_due() {
        block_on(async {
            let mut pacer = Pacer::new(PACE);
            pacer.wait(3).await;
            let (held_up, due) = (shared_clock(), pacer.started() + 400_000);
            std::thread::sleep(Duration::from_millis(1));
            assert!(!pacer.is_early(12));
            assert!((due..=due.max(held_up)).contains(&pacer.counts_from(12)));
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_message_that_a_task_holds_up_counts_from_when_it_was_due() {
        block_on(async {
            let mut pacer = Pacer::new(PACE);
            let task = tokio::spawn(async { std::thread::sleep(Duration::from_millis(1)) });
            pacer.wait(3).await;
            assert!(task.is_finished());
            assert_eq!(pacer.counts_from(3), pacer.started() + 100_000);
            Ok(())
        })
        .unwrap();
    }
}

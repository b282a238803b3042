//! Waiting awake for the next commit.

use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use super::Command;

/// How long the thread waits awake. Senders that were just answered come back in half of it,
/// also on a processor that was asleep.
const AWAKE: Duration = Duration::from_micros(100);

/// The most commits after which the thread goes to sleep at once, between two tries.
const MOST_SKIPPED: u32 = 64;

/// The same after others had the processor: each time costs the thread milliseconds.
const BUSY_SKIPPED: u32 = 1024;

/// Senders that wait for the disk come back as soon as they are answered. On a fast disk, a
/// thread that sleeps until then loses a tenth of the time of a commit, as it takes long to
/// wake. So it stays awake for a moment, and leaves the processor to others meanwhile. If that
/// does not pay, it is tried less often.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Whether senders that may come back were just answered.
    answered: bool,
    /// How many commits are not waited for, between two that are.
    skip: u32,
    skipped: u32,
}

impl Patience {
    /// Notes that several senders were answered at once, after a sync.
    pub(super) fn answered(&mut self) {
        self.answered = true;
    }

    /// What the thread is asked for next, if it is asked soon.
    pub(super) fn wait(&mut self, commands: &Receiver<Command>) -> Option<Command> {
        if !std::mem::take(&mut self.answered) {
            return None;
        }
        if self.skipped < self.skip {
            self.skipped += 1;
            return None;
        }
        self.skipped = 0;
        let started = Instant::now();
        let mut soon = None;
        while soon.is_none() && started.elapsed() < AWAKE {
            soon = commands.try_recv().ok();
            if soon.is_none() {
                thread::yield_now();
            }
        }
        self.skip = skip(self.skip, started.elapsed(), soon.is_some());
        soon
    }
}

/// How many commits are not waited for after a wait of this time, by which the next command
/// had come or not.
fn skip(before: u32, took: Duration, came: bool) -> u32 {
    match took > 2 * AWAKE {
        true => BUSY_SKIPPED,
        false if came => 0,
        false => (before * 2).clamp(1, MOST_SKIPPED),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn only_those_who_were_answered_are_waited_for() {
        let (sender, commands) = channel();
        let mut patience = Patience::default();
        sender.send(Command::Untaken(Vec::new())).unwrap();
        assert!(patience.wait(&commands).is_none());
        patience.answered();
        assert!(patience.wait(&commands).is_some());
        sender.send(Command::Untaken(Vec::new())).unwrap();
        assert!(patience.wait(&commands).is_none(), "one wait an answer");
    }

    #[test]
    fn the_wait_ends_when_nobody_comes_and_is_not_repeated_at_once() {
        let (sender, commands) = channel();
        let mut patience = Patience::default();
        patience.answered();
        assert!(patience.wait(&commands).is_none());
        sender.send(Command::Untaken(Vec::new())).unwrap();
        patience.answered();
        assert!(patience.wait(&commands).is_none(), "this one is skipped");
        for _ in 0..BUSY_SKIPPED {
            patience.answered();
            if patience.wait(&commands).is_some() {
                return;
            }
        }
        panic!("it is never tried again");
    }

    #[test]
    fn what_does_not_pay_is_tried_less_often() {
        let soon = AWAKE / 2;
        assert_eq!(skip(0, AWAKE, false), 1);
        assert_eq!(skip(1, AWAKE, false), 2);
        assert_eq!(skip(MOST_SKIPPED, AWAKE, false), MOST_SKIPPED);
        assert_eq!(skip(MOST_SKIPPED, soon, true), 0);
        assert_eq!(skip(BUSY_SKIPPED, AWAKE, false), MOST_SKIPPED);
        // Others had the processor, so it does not matter that the command has come.
        assert_eq!(skip(0, 10 * AWAKE, true), BUSY_SKIPPED);
    }
}

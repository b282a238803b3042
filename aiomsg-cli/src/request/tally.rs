//! How many requests were replied to, and what that comes to.

use std::time::Duration;

use aiomsg::{Error, ErrorKind};

use crate::common::failure::{Failure, Outcome};
use crate::common::said::said;
use crate::common::say::say;
use crate::common::stopped::Stopped;

/// Why no more is asked.
pub(super) enum Ended {
    AllRead,
    ReaderLeft,
    Stopped(Stopped),
    Failed(Failure),
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    asked: u64,
    pub(super) answered: u64,
    /// The first request without a reply.
    unanswered: Option<String>,
    /// The first input that is no request.
    refused: Option<Failure>,
    /// Requests that were waiting when it ended.
    pub(super) left: u64,
    others: u64,
}

impl Tally {
    /// The number of a new request.
    pub(super) fn ask(&mut self) -> u64 {
        self.asked += 1;
        self.asked
    }

    pub(super) fn refuse(&mut self, why: Failure) {
        say(format_args!("not sent: {why}"));
        self.refused.get_or_insert(why);
    }

    pub(super) fn unanswered(&mut self, number: u64, error: &Error, patience: Duration) {
        let why = match error.kind() {
            ErrorKind::Timeout => format!(
                "no reply to request {number} within {}",
                humantime::format_duration(patience)
            ),
            // With the text of the peer.
            ErrorKind::Unhandled => format!(
                "request {number} was not handled: {}",
                error.reason().unwrap_or("the peer does not say why")
            ),
            _ => format!("no reply to request {number}: {}", said(error)),
        };
        say(format_args!("note: {why}"));
        self.unanswered.get_or_insert(why);
    }

    /// Counts a message that is no reply, and says so once.
    pub(super) fn other(&mut self) {
        self.others += 1;
        if self.others == 1 {
            say(
                "note: a message that is no reply has arrived, and is ignored; further ones are, too",
            );
        }
    }

    /// What it comes to. `unread` were read from the input, and not asked.
    pub(super) fn outcome(self, ended: Ended, endless: bool, unread: u64) -> Outcome {
        let (answered, asked) = (self.answered, self.asked);
        let count = format!("{answered} of {asked} requests were replied to");
        match ended {
            Ended::Stopped(stopped) if !endless => {
                let left = self.left + unread;
                Err(Failure::stopped(
                    stopped,
                    format!(
                        "stopped before all was replied to; {count}, and {left} had not been sent or waited"
                    ),
                ))
            }
            Ended::ReaderLeft if !endless => Err(Failure::failed(format!(
                "nobody reads the output any more; {count}"
            ))),
            Ended::Failed(failure) => Err(failure.but(count)),
            Ended::AllRead | Ended::Stopped(_) | Ended::ReaderLeft => self.missing(&count),
        }
    }

    fn missing(self, count: &str) -> Outcome {
        match (self.unanswered, self.refused) {
            (Some(first), _) => Err(Failure::failed(format!(
                "{first}; {count}; see what the peers do, or raise --timeout"
            ))),
            (None, Some(refused)) => Err(refused.but(count)),
            (None, None) => Ok(()),
        }
    }
}

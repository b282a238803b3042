//! The messages of one commit, some of which come while others are written.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::time::Instant;

use super::{Command, GROUP, Reply};
use crate::store::{Entry, Usage};

/// How long a commit waits for messages that are about to come.
const SOON: Duration = Duration::from_millis(1);

/// Messages, and where to answer that they are stored.
pub(super) type Append = (Vec<Entry>, Reply<Usage>);

pub(super) struct Arriving<'a> {
    commands: &'a Receiver<Command>,
    /// Those that have come.
    here: Vec<Append>,
    /// Until when others are awaited, if they are about to come.
    until: Option<Instant>,
    /// What else came meanwhile.
    others: Vec<Command>,
}

impl<'a> Arriving<'a> {
    pub(super) fn new(commands: &'a Receiver<Command>) -> Self {
        Self {
            commands,
            here: Vec::new(),
            until: None,
            others: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, entries: Vec<Entry>, reply: Reply<Usage>) {
        self.here.push((entries, reply));
    }

    pub(super) fn begin(&mut self, entries: Vec<Entry>, reply: Reply<Usage>) {
        self.push(entries, reply);
        self.until.get_or_insert_with(|| Instant::now() + SOON);
    }

    pub(super) fn finish(&mut self) {
        self.until = None;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.here.is_empty()
    }

    pub(super) fn get(&self, at: usize) -> Option<&Append> {
        self.here.get(at)
    }

    /// Waits for more, if they are about to come. Returns whether some came.
    pub(super) fn wait(&mut self) -> bool {
        while let Some(until) = self.until {
            let left = until.saturating_duration_since(Instant::now());
            match self.commands.recv_timeout(left) {
                Ok(Command::Append(entries, reply) | Command::Begin(entries, reply)) => {
                    self.push(entries, reply);
                    return true;
                }
                Ok(Command::Finish) | Err(_) => self.until = None,
                Ok(other) => {
                    self.others.push(other);
                    if self.others.len() >= GROUP {
                        self.until = None;
                    }
                }
            }
        }
        false
    }

    pub(super) fn take(&mut self) -> Vec<Append> {
        std::mem::take(&mut self.here)
    }

    pub(super) fn into_others(self) -> Vec<Command> {
        self.others
    }
}

//! Changing many messages, one transaction after the other.

use aiomsg_spool::SpoolError;
use aiomsg_spool::inspect::{Mender, Part, Step};
use aiomsg_spool::store::Usage;

use crate::spool::row::amount;

/// What is done to some messages in one transaction.
pub(super) type Change = fn(&mut Mender, &[u64]) -> Result<Step, SpoolError>;

/// The places that are looked up at once.
const PAGE: usize = 1024;

pub(super) struct Work {
    mender: Mender,
    part: Part,
    change: Change,
    /// The places that are known and left.
    places: Vec<u64>,
    /// The place behind which more are looked up, if all messages are meant.
    behind: Option<u64>,
    done: Done,
}

#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) changed: Usage,
    pub(super) absent: Vec<u64>,
}

impl Work {
    /// Without places, all messages of the part are meant.
    pub(super) fn new(mender: Mender, part: Part, places: Vec<u64>, change: Change) -> Self {
        Self {
            mender,
            part,
            change,
            behind: places.is_empty().then_some(0),
            places,
            done: Done::default(),
        }
    }

    /// The messages that are meant, in words.
    pub(super) fn what(&self) -> Result<String, SpoolError> {
        let stats = self.mender.inspector().stats()?;
        let all = match self.part {
            Part::Waiting => stats.waiting,
            Part::Dead => stats.dead,
        };
        Ok(match self.places.len() {
            0 => amount(self.part, all).to_string(),
            many => format!("{many} of {}", amount(self.part, all)),
        })
    }

    pub(super) fn done(&self) -> &Done {
        &self.done
    }

    /// Does one transaction. Returns whether there may be more.
    pub(super) fn step(&mut self) -> Result<bool, SpoolError> {
        if let (Some(behind), true) = (&mut self.behind, self.places.is_empty()) {
            let page = self.mender.inspector().list(self.part, *behind, PAGE)?;
            self.places = page.iter().map(|it| it.place).collect();
            *behind = self.places.last().copied().unwrap_or(*behind);
        }
        if self.places.is_empty() {
            return Ok(false);
        }
        let step = (self.change)(&mut self.mender, &self.places)?;
        self.places.drain(..step.dealt);
        self.done.changed = self.done.changed + step.changed;
        self.done.absent.extend(step.absent);
        Ok(true)
    }

    /// Gives the store free.
    pub(super) fn close(self) -> (Done, Result<(), SpoolError>) {
        (self.done, self.mender.close())
    }
}

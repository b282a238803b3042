//! The summary of the messages.

use std::fmt;
use std::time::Duration;

use aiomsg::close::CloseReport;
use aiomsg::message::DropReason;
use aiomsg::stats::Stats;
use bytesize::ByteSize;
use serde::Serialize;

use crate::common::failure::{Failure, Outcome};
use crate::common::progress::Progress;

#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    /// The messages that the socket took.
    messages: u64,
    bytes: u64,
    seconds: f64,
    /// Messages and files that cannot be sent.
    pub(super) refused: u64,
    /// The messages that were read and not taken when it ended.
    pub(super) left: u64,
    /// The messages that the socket took and no peer has.
    unsent: usize,
    /// The messages that were sent and not acknowledged.
    unacknowledged: usize,
    /// The most messages that were sent and may not have been read.
    unconfirmed: u64,
    /// The messages, or copies of messages, that were dropped.
    dropped: u64,
    /// What was published, and nobody had subscribed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    unwanted: Option<u64>,
    /// A signal ended it before the fate of all messages was known.
    cut_off: bool,
}

impl Summary {
    pub(super) fn new(
        progress: &Progress,
        stats: Stats,
        report: Option<&CloseReport>,
        time: Duration,
    ) -> Self {
        // Without a report, the messages that the socket still has count.
        let (unsent, unacknowledged) = match report {
            Some(report) => (report.unsent.len(), report.unacknowledged.len()),
            None => (stats.buffered_messages, stats.unacknowledged_messages),
        };
        Self {
            messages: progress.messages,
            bytes: progress.bytes,
            seconds: time.as_secs_f64(),
            refused: 0,
            left: 0,
            unsent,
            unacknowledged,
            unconfirmed: report.map_or(0, CloseReport::unconfirmed_messages),
            dropped: stats.dropped_messages,
            unwanted: None,
            cut_off: report.is_none(),
        }
    }

    /// Counts messages without subscribers apart from those that were dropped: they are
    /// no failure.
    pub(super) fn count_unwanted(&mut self, stats: &Stats) {
        let unwanted = stats.drops.of(DropReason::Unwanted);
        self.dropped = self.dropped.saturating_sub(unwanted);
        self.unwanted = Some(unwanted);
    }

    /// Whether that was all.
    pub(super) fn outcome(&self, at_least_once: bool) -> Outcome {
        let what = match (self.unsent, self.unacknowledged, self.dropped) {
            (0, 0, 0) if self.unconfirmed == 0 => return Ok(()),
            _ if at_least_once => "acknowledged",
            (0, 0, 0) => "seen to be read",
            _ => "sent",
        };
        Err(Failure::failed(format!(
            "not all was {what}: {self}; see what the peers do, or raise --linger"
        )))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = ByteSize::b(self.bytes).display().iec();
        let Self {
            messages, seconds, ..
        } = self;
        write!(f, "{messages} messages, {size}, in {seconds:.2} s")?;
        for (count, what) in [
            (self.refused, "refused"),
            (self.left, "read and not sent"),
            (self.unsent as u64, "unsent"),
            (self.unacknowledged as u64, "unacknowledged"),
            (self.unconfirmed, "perhaps not read"),
            (self.dropped, "dropped"),
            (self.unwanted.unwrap_or(0), "that nobody had subscribed to"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        if self.cut_off {
            f.write_str(", and a signal cut the rest off")?;
        }
        Ok(())
    }
}

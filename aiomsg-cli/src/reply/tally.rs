//! How many requests were replied to.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aiomsg::Error;
use aiomsg::parts::layers::reasons::{Line, Reasons};
use bytes::Bytes;
use serde::Serialize;

use crate::common::said::said;
use crate::common::say::say;

/// Counts, shared by all runs.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    requests: AtomicU64,
    replies: AtomicU64,
    unsent: AtomicU64,
    /// Why there were no replies, by the text.
    reasons: Reasons<String, ()>,
}

/// The most reasons that are reported apart.
const REASONS: usize = 16;

impl Default for Shared {
    fn default() -> Self {
        Self {
            requests: AtomicU64::new(0),
            replies: AtomicU64::new(0),
            unsent: AtomicU64::new(0),
            reasons: Reasons::new(REASONS),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Counts {
    /// Requests whose command has ended well.
    replies: u64,
    /// Requests without a reply.
    failed: u64,
    /// Replies that did not reach their peer.
    unsent: u64,
}

impl Tally {
    /// Counts a request. It is one without a reply until that is noted: a run that is
    /// dropped has no result to note.
    pub(super) fn begin(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a reply, and reports a request without one, unless there was one just before
    /// for the same reason.
    pub(super) fn note(&self, reply: Result<Bytes, Error>) -> Result<Bytes, Error> {
        match &reply {
            Ok(_) => {
                self.0.replies.fetch_add(1, Ordering::Release);
            }
            Err(error) => {
                if let Some(line) = self.0.reasons.note(said(error).to_string(), (), true) {
                    say(note(&line));
                }
            }
        }
        reply
    }

    /// Reports each minute the requests without a reply that were only counted.
    pub(super) async fn report(&self) -> Infallible {
        self.0.reasons.each_due(|line| say(note(line))).await
    }

    /// Reports those that were only counted since then.
    pub(super) fn report_rest(&self) {
        self.0.reasons.rest().iter().map(note).for_each(say);
    }

    pub(super) fn unsent(&self, replies: u64) {
        self.0.unsent.store(replies, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> Counts {
        // A reply is counted after its request.
        let replies = self.0.replies.load(Ordering::Acquire);
        Counts {
            replies,
            failed: self.0.requests.load(Ordering::Relaxed) - replies,
            unsent: self.0.unsent.load(Ordering::Relaxed),
        }
    }
}

fn note(line: &Line<String, ()>) -> String {
    match line.more {
        0 => format!("note: no reply: {}", line.kind),
        more => format!("note: no reply to {more} more: {}", line.kind),
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            replies,
            failed,
            unsent,
        } = self;
        write!(f, "{replies} replies, {failed} requests without one")?;
        match unsent {
            0 => Ok(()),
            unsent => write!(f, ", {unsent} replies that did not reach their peer"),
        }
    }
}

#[cfg(test)]
mod tests;

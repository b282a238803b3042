//! How many requests were replied to.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aiomsg::Error;
use bytes::Bytes;
use serde::Serialize;

use crate::common::said::said;
use crate::common::say::say;

/// Counts, shared by all runs.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    replies: AtomicU64,
    failed: AtomicU64,
    unsent: AtomicU64,
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
    /// Counts a reply, and reports a request without one.
    pub(super) fn note(&self, reply: Result<Bytes, Error>) -> Result<Bytes, Error> {
        match &reply {
            Ok(_) => {
                self.0.replies.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                self.0.failed.fetch_add(1, Ordering::Relaxed);
                say(format_args!("note: no reply: {}", said(error)));
            }
        }
        reply
    }

    pub(super) fn unsent(&self, replies: u64) {
        self.0.unsent.store(replies, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            replies: self.0.replies.load(Ordering::Relaxed),
            failed: self.0.failed.load(Ordering::Relaxed),
            unsent: self.0.unsent.load(Ordering::Relaxed),
        }
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

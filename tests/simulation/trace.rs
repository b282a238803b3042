//! What happened in a run, and when.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use crate::network::lock;

/// The events of a run, with the virtual time of each.
#[derive(Clone)]
pub(crate) struct Trace(Arc<Inner>);

struct Inner {
    began: Instant,
    /// Shown as it happens: a run that hangs has no end at which to show it.
    shown: bool,
    lines: Mutex<Vec<String>>,
}

impl Trace {
    pub(crate) fn new(shown: bool) -> Self {
        Self(Arc::new(Inner {
            began: Instant::now(),
            shown,
            lines: Mutex::default(),
        }))
    }

    pub(crate) fn note(&self, what: impl std::fmt::Display) {
        let at = self.0.began.elapsed();
        let mut line = String::new();
        let _ = write!(line, "{:>11.6} {what}", at.as_secs_f64());
        if self.0.shown {
            println!("{line}");
        }
        lock(&self.0.lines).push(line);
    }

    /// One number for all that happened.
    pub(crate) fn hash(&self) -> u64 {
        // Of fixed keys, unlike those of a map.
        let mut hasher = DefaultHasher::new();
        lock(&self.0.lines).hash(&mut hasher);
        hasher.finish()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        lock(&self.0.lines).clone()
    }
}

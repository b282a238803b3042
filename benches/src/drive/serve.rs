//! Answering requests through an API for them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::{cpu_time, looks};
use crate::library::{Failure, Outcome};
use crate::parent::{Parent, Report};

/// What a handler counts.
#[derive(Debug, Default)]
pub struct Served {
    count: AtomicU64,
    /// The processor time at the first request.
    started: OnceLock<Duration>,
}

impl Served {
    /// Counts a request.
    #[inline]
    pub fn note(&self) {
        if self.count.fetch_add(1, Relaxed) == 0 {
            self.started.get_or_init(cpu_time);
        }
    }
}

/// Serves until all requests are answered, which the handler counts.
///
/// # Errors
///
/// When the library no longer serves.
pub async fn serve(
    parent: &Parent,
    served: &Served,
    serving: impl Future<Output = Outcome>,
) -> Outcome {
    let counting = async {
        parent.ready().await?;
        let mut looks = looks();
        let enough = |count| parent.expected().is_some_and(|expected| count >= expected);
        while !enough(served.count.load(Relaxed)) {
            looks.tick().await;
        }
        let report = Report {
            messages: served.count.load(Relaxed),
            ..Report::default()
        };
        parent.done(
            report,
            served.started.get().copied().unwrap_or_else(cpu_time),
        )?;
        std::future::pending().await
    };
    tokio::select! {
        ended = serving => {
            ended?;
            Err(Failure::new("it no longer serves"))
        }
        counted = counting => counted,
    }
}

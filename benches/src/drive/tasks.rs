//! Sending from several tasks through one socket.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;

use super::send::send_for;
use super::{Outlet, Source, Together, cpu_time, with_each};
use crate::library::{Job, Outcome};
use crate::parent::{Parent, Report};
use crate::process::shared_clock;

/// Sends from as many tasks as the job says, each with its own handle on the socket.
///
/// # Errors
///
/// Those of the library.
pub async fn send_from_tasks<O: Outlet + Clone>(
    job: &Job,
    parent: &Parent,
    mut outlet: O,
) -> Outcome {
    parent.ready().await?;
    outlet.prepare(job.peers_each()).await?;
    let (size, time) = (job.size, Duration::from_secs_f64(job.seconds));
    let (started_nanos, cpu) = (shared_clock(), cpu_time());
    let outlets = vec![outlet.clone(); job.tasks];
    let sent = with_each(Together::Tasks, outlets, |nth, mut outlet| async move {
        send_for(&mut outlet, Source::new(size, nth), time).await
    })
    .await?;
    outlet.finish().await?;
    let report = Report {
        messages: sent.iter().sum(),
        started_nanos,
        ..Report::default()
    };
    parent.done(report, cpu)?;
    std::future::pending::<()>().await;
    drop(outlet);
    Ok(())
}

/// A socket behind a lock, for libraries whose sockets belong to one task.
pub struct Locked<O>(Arc<Mutex<O>>);

impl<O> Locked<O> {
    /// A lock around this socket.
    pub fn new(outlet: O) -> Self {
        Self(Arc::new(Mutex::new(outlet)))
    }
}

impl<O> Clone for Locked<O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<O> std::fmt::Debug for Locked<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Locked").finish_non_exhaustive()
    }
}

impl<O: Outlet> Outlet for Locked<O> {
    async fn prepare(&mut self, peers: usize) -> Outcome {
        self.0.lock().await.prepare(peers).await
    }

    #[inline]
    async fn send(&mut self, message: Bytes) -> Outcome {
        self.0.lock().await.send(message).await
    }

    async fn flush(&mut self) -> Outcome {
        self.0.lock().await.flush().await
    }

    async fn finish(&mut self) -> Outcome {
        self.0.lock().await.finish().await
    }
}

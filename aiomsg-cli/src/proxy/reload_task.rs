//! Reloading beside everything else: a file may be long in coming.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::shared::Proxy;
use crate::common::said::said;

/// At most one reload that goes on, and one that follows it.
#[derive(Debug, Default)]
pub(super) struct Reloading {
    task: Option<JoinHandle<()>>,
    again: bool,
}

impl Reloading {
    /// Reloads now, or once more after the reload that goes on, which may have read
    /// the file as it was.
    pub(super) fn start(&mut self, proxy: &Arc<Proxy>) {
        if self.task.is_some() {
            tracing::info!("a reload goes on, and another one follows it");
            self.again = true;
            return;
        }
        let proxy = Arc::clone(proxy);
        self.task = Some(tokio::spawn(async move { proxy.reload().await }));
    }

    /// Ready when a reload has ended, and another one has begun if there is to be one.
    /// Cancel safe.
    pub(super) async fn go_on(&mut self, proxy: &Arc<Proxy>) {
        match &mut self.task {
            Some(task) => {
                if let Err(error) = task.await {
                    tracing::error!(error = %said(&error), "a reload was not finished");
                }
            }
            None => std::future::pending().await,
        }
        self.task = None;
        if std::mem::take(&mut self.again) {
            self.start(proxy);
        }
    }

    /// Aborts a reload that has not ended.
    pub(super) async fn end(self) {
        if let Some(task) = self.task {
            task.abort();
            // Its current step is finished first.
            if task.await.is_err() {
                tracing::warn!("not reloaded, as the proxy ends");
            }
        }
    }
}

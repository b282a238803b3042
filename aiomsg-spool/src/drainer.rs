//! Sending what is stored.

mod run;
mod sending;

use std::pin::pin;
use std::sync::Arc;

use aiomsg_core::Outbound;
use tokio::task::unconstrained;
use tower::Service;

use crate::SpoolError;
use crate::front::Front;
use run::Run;

/// Sends the messages of a spool through a service. See
/// [`Spool::drainer`](crate::Spool::drainer).
#[derive(Debug)]
#[must_use = "nothing is sent unless it runs"]
pub struct Drainer<S> {
    front: Arc<Front>,
    service: Option<S>,
}

impl<S> Drainer<S> {
    pub(crate) fn new(front: Arc<Front>, service: S) -> Self {
        Self {
            front,
            service: Some(service),
        }
    }
}

impl<S> Drop for Drainer<S> {
    fn drop(&mut self) {
        self.front.untake();
    }
}

impl<S> Drainer<S>
where
    S: Service<Outbound> + Send + 'static,
    S::Error: Into<aiomsg_core::BoxError>,
    S::Future: Send + 'static,
{
    /// Runs until the service or the spool is closed. The messages that are on their way
    /// when the service is closed get their outcome first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read or written.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves the messages in the store.
    pub async fn run(self) -> Result<(), SpoolError> {
        self.run_until(std::future::pending()).await
    }

    /// The same, and ends when `stop` is ready: it takes no more messages out of the store
    /// then, and returns when those that are on their way have their outcome.
    ///
    /// # Errors
    ///
    /// As for [`run`](Drainer::run).
    ///
    /// # Cancel safety
    ///
    /// As for [`run`](Drainer::run).
    pub async fn run_until(
        mut self,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), SpoolError> {
        let Some(service) = self.service.take() else {
            return Ok(());
        };
        let mut run = Run::new(Arc::clone(&self.front));
        // It waits for thousands of futures. With tokio's budget, most would be polled again
        // and again, and have nothing left of it.
        match unconstrained(run.all(service, pin!(stop))).await {
            Err(SpoolError::Closed) => Ok(()),
            ended => ended,
        }
    }
}

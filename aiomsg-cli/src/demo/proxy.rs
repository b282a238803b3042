//! The proxy of the demo.

use aiomsg::{Endpoint, Error, SendMode, Socket};
use futures::StreamExt;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{DEADLINE, failed};
use crate::common::failure::{Failure, Outcome};

/// Two sockets, and one line that makes a proxy of them.
pub(super) struct Proxy {
    frontend: Socket,
    backend: Socket,
    pub(super) creators: Endpoint,
    pub(super) workers: Endpoint,
    relay: JoinHandle<Result<(), Error>>,
}

impl Proxy {
    pub(super) async fn start() -> Outcome<Self> {
        let frontend = Socket::new()?;
        let backend = Socket::builder().send_mode(SendMode::RoundRobin).build()?;
        // The system chooses the ports.
        let creators = frontend.bind("127.0.0.1:0").await?;
        let workers = backend.bind("127.0.0.1:0").await?;
        let relay = tokio::spawn(frontend.clone().forward(backend.clone()));
        Ok(Self {
            frontend,
            backend,
            creators,
            workers,
            relay,
        })
    }

    pub(super) async fn wait_for_workers(&self, count: usize) -> Outcome {
        let there = timeout(DEADLINE, self.backend.wait_for_peers(count)).await;
        there.map_err(|_| Failure::failed("the workers do not connect"))??;
        Ok(())
    }

    /// Ends when all that had arrived is with the workers.
    pub(super) async fn stop(self) -> Outcome {
        self.frontend.close(DEADLINE).await;
        let relayed = timeout(DEADLINE, self.relay).await;
        let relayed = relayed.map_err(|_| Failure::failed("the proxy does not end"))?;
        relayed.map_err(|error| failed(&error))??;
        let report = self.backend.close(DEADLINE).await;
        match report.is_clean() {
            true => Ok(()),
            false => Err(Failure::failed(format!(
                "the proxy kept {} jobs",
                report.unsent.len()
            ))),
        }
    }
}

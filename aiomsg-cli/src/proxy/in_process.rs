//! A proxy within another command, on this machine alone.

use std::sync::Arc;

use aiomsg::Endpoint;
use clap::{Args, Command, FromArgMatches};
use tokio::time::timeout;

use super::args::ProxyArgs;
use super::shared::{Proxy, Relays};
use super::side::Side;
use crate::common::failure::{Failure, Outcome};

/// The proxy of `aiomsg proxy`, without its signals and its dashboard.
pub(crate) struct InProcess {
    proxy: Arc<Proxy>,
    relays: Relays,
}

impl InProcess {
    /// Runs one with these options of `aiomsg proxy`.
    pub(crate) async fn start(options: &[&str]) -> Outcome<Self> {
        let command = ProxyArgs::augment_args(Command::new("proxy").no_binary_name(true));
        let args = command
            .try_get_matches_from(options)
            .and_then(|matches| ProxyArgs::from_arg_matches(&matches))
            .map_err(|error| Failure::usage(error.to_string()))?;
        let proxy = Arc::new(Proxy::load(args).await?);
        let settings = proxy.settings();
        proxy.open(&settings).await?;
        let relays = proxy.relay(&settings)?;
        Ok(Self { proxy, relays })
    }

    /// Where producers connect.
    pub(crate) fn frontend(&self) -> Outcome<Endpoint> {
        listens_at(&self.proxy.frontend)
    }

    /// Where consumers connect.
    pub(crate) fn backend(&self) -> Outcome<Endpoint> {
        listens_at(&self.proxy.backend)
    }

    /// Waits for this number of consumers, as long as draining may take.
    pub(crate) async fn wait_for_consumers(&self, count: usize) -> Outcome {
        let patience = self.proxy.settings().drain_deadline;
        let there = self.proxy.backend.socket.wait_for_peers(count);
        let there = timeout(patience, there).await;
        there.map_err(|_| Failure::failed("the consumers do not connect"))??;
        Ok(())
    }

    /// Drains it: ends when all that had arrived is with the consumers.
    pub(crate) async fn drain(self) -> Outcome {
        self.proxy.drain(self.relays).await?.outcome()
    }
}

fn listens_at(side: &Side) -> Outcome<Endpoint> {
    let at = side.places().into_iter().find_map(|place| place.at.ok());
    at.ok_or_else(|| Failure::failed(format!("the {} of the proxy is not open", side.name)))
}

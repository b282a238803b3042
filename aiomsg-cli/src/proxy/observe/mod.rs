//! Looking at a proxy: metrics, health, and a page that shows it live.

mod board;
mod collect;
mod describe;
mod facts;
mod history;
mod metrics;
mod open_metrics;
mod peers;
mod query;
mod routes;
pub(crate) mod status;

use std::collections::HashMap;
use std::sync::Arc;

use super::settings::Settings;
use super::shared::Proxy;
use crate::common::failure::Outcome;
use crate::common::say::tell;
use crate::http::server;
use collect::Collector;
use routes::{Routes, Shows};

/// Listens where the settings say, and serves in the background.
pub(super) async fn start(proxy: &Arc<Proxy>, settings: &Settings) -> Outcome {
    let mut shows: HashMap<_, Shows> = HashMap::new();
    if let Some(address) = settings.metrics {
        shows.entry(address).or_default().metrics = true;
    }
    if let Some(address) = settings.dashboard {
        shows.entry(address).or_default().dashboard = true;
    }
    let mut listening = Vec::new();
    for (address, shows) in shows {
        let (listener, address) = server::listen(address).await?;
        if shows.metrics {
            tell(format_args!("metrics: http://{address}/metrics"));
        }
        if shows.dashboard {
            tell(format_args!("dashboard: http://{address}/"));
            if settings.frontend.websocket.accepts || settings.backend.websocket.accepts {
                tell(format_args!("board: http://{address}/board/"));
            }
        }
        listening.push((listener, address, shows));
    }
    if listening.is_empty() {
        return Ok(());
    }
    let collector = Arc::new(Collector::new(Arc::clone(proxy)));
    let upkeep = Arc::clone(&collector);
    tokio::spawn(async move { upkeep.metrics.keep_up().await });
    if settings.dashboard.is_some() {
        tokio::spawn(Arc::clone(&collector).run());
    }
    for (listener, address, shows) in listening {
        let routes = Routes::new(
            Arc::clone(&collector),
            address,
            shows,
            settings.allow_control,
            settings.allow_hosts.clone(),
        );
        tokio::spawn(server::serve(listener, move |asked| routes.answer(asked)));
    }
    Ok(())
}

//! Which endpoints a socket is bound and connected to.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aiomsg_core::Endpoint;
use tokio_util::sync::CancellationToken;

/// The endpoints, each with what ends its task.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    bound: Mutex<HashMap<Endpoint, CancellationToken>>,
    connected: Mutex<HashMap<Endpoint, CancellationToken>>,
}

impl Endpoints {
    /// Notes a bound endpoint. `None`: it is there already.
    pub(crate) fn bind(&self, endpoint: &Endpoint) -> Option<CancellationToken> {
        add(lock(&self.bound), endpoint)
    }

    /// Ends listening at an endpoint. `false`: it is not bound.
    pub(crate) fn unbind(&self, endpoint: &Endpoint) -> bool {
        end(lock(&self.bound), endpoint)
    }

    /// Notes an endpoint to connect to. `None`: it is there already.
    pub(crate) fn connect(&self, endpoint: &Endpoint) -> Option<CancellationToken> {
        add(lock(&self.connected), endpoint)
    }

    /// Ends connecting to an endpoint. `false`: it is not connected to.
    pub(crate) fn disconnect(&self, endpoint: &Endpoint) -> bool {
        end(lock(&self.connected), endpoint)
    }
}

type Map = HashMap<Endpoint, CancellationToken>;

fn lock(map: &Mutex<Map>) -> MutexGuard<'_, Map> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

fn add(mut map: MutexGuard<'_, Map>, endpoint: &Endpoint) -> Option<CancellationToken> {
    if map.contains_key(endpoint) {
        return None;
    }
    let token = CancellationToken::new();
    map.insert(endpoint.clone(), token.clone());
    Some(token)
}

fn end(mut map: MutexGuard<'_, Map>, endpoint: &Endpoint) -> bool {
    let token = map.remove(endpoint);
    if let Some(token) = &token {
        token.cancel();
    }
    token.is_some()
}

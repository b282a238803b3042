//! Which endpoints a socket is bound and connected to.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aiomsg_core::Endpoint;
use tokio_util::sync::CancellationToken;

/// What ends the task of an endpoint, and what tells that it has ended.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) stop: CancellationToken,
    pub(crate) stopped: CancellationToken,
}

/// The endpoints, each with its task.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    bound: Mutex<HashMap<Endpoint, Task>>,
    connected: Mutex<HashMap<Endpoint, Task>>,
}

impl Endpoints {
    /// Notes a bound endpoint. `None`: it is there already.
    pub(crate) fn bind(&self, endpoint: &Endpoint) -> Option<Task> {
        add(lock(&self.bound), endpoint, CancellationToken::new())
    }

    /// Ends listening at an endpoint. `None`: it is not bound.
    pub(crate) fn unbind(&self, endpoint: &Endpoint) -> Option<Task> {
        end(lock(&self.bound), endpoint)
    }

    /// Whether the socket listens, so that those whom it connects to may connect to
    /// it as well.
    pub(crate) fn any_bound(&self) -> bool {
        !lock(&self.bound).is_empty()
    }

    /// Notes an endpoint to connect to, whose task ends with `finish` at the
    /// latest. `None`: it is there already.
    pub(crate) fn connect(&self, endpoint: &Endpoint, finish: &CancellationToken) -> Option<Task> {
        add(lock(&self.connected), endpoint, finish.child_token())
    }

    /// Ends connecting to an endpoint. `None`: it is not connected to.
    pub(crate) fn disconnect(&self, endpoint: &Endpoint) -> Option<Task> {
        end(lock(&self.connected), endpoint)
    }
}

type Map = HashMap<Endpoint, Task>;

fn lock(map: &Mutex<Map>) -> MutexGuard<'_, Map> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

fn add(mut map: MutexGuard<'_, Map>, endpoint: &Endpoint, stop: CancellationToken) -> Option<Task> {
    if map.contains_key(endpoint) {
        return None;
    }
    let task = Task {
        stop,
        stopped: CancellationToken::new(),
    };
    map.insert(endpoint.clone(), task.clone());
    Some(task)
}

fn end(mut map: MutexGuard<'_, Map>, endpoint: &Endpoint) -> Option<Task> {
    let task = map.remove(endpoint)?;
    task.stop.cancel();
    Some(task)
}

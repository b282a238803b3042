//! The bound and dialled endpoints of a socket.

use std::collections::HashMap;

use aiomsg_core::sync::{Mutex, MutexGuard};
use aiomsg_core::{Endpoint, Error, ErrorKind};
use tokio_util::sync::CancellationToken;

/// Ends the task of an endpoint, and signals that it has ended.
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
    /// Notes a bound endpoint. Returns `None` if it is bound already.
    pub(crate) fn bind(&self, endpoint: &Endpoint) -> Option<Task> {
        add(lock(&self.bound), endpoint, CancellationToken::new())
    }

    /// Ends listening at an endpoint. Returns `None` if it is not bound.
    pub(crate) fn unbind(&self, endpoint: &Endpoint) -> Option<Task> {
        end(lock(&self.bound), endpoint)
    }

    /// Whether the socket listens: then peers that it dials may dial it as well.
    pub(crate) fn any_bound(&self) -> bool {
        !lock(&self.bound).is_empty()
    }

    /// Notes a dialled endpoint, whose task ends with `finish` at the latest. It fails if
    /// the endpoint is dialled already.
    pub(crate) fn connect(
        &self,
        endpoint: &Endpoint,
        finish: &CancellationToken,
    ) -> Result<Task, Error> {
        add(lock(&self.connected), endpoint, finish.child_token()).ok_or_else(|| {
            Error::new(ErrorKind::Address)
                .with_reason("the socket is connected to it already")
                .at(endpoint.clone())
        })
    }

    /// Ends connecting to an endpoint. Returns `None` if it is not dialled.
    pub(crate) fn disconnect(&self, endpoint: &Endpoint) -> Option<Task> {
        end(lock(&self.connected), endpoint)
    }
}

type Map = HashMap<Endpoint, Task>;

fn lock(map: &Mutex<Map>) -> MutexGuard<'_, Map> {
    map.lock()
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

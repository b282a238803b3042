//! In-memory connections of the process, by name.

use std::collections::HashMap;
use std::io;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use aiomsg_core::Error;
use aiomsg_core::sync::{Mutex, MutexGuard};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;

use crate::error::system;

/// The number of bytes that may be under way in each direction.
const BUFFER: usize = 64 * 1024;

/// The listeners of this process by name.
static LISTENERS: LazyLock<Mutex<Listeners>> = LazyLock::new(Mutex::default);

type Listeners = HashMap<String, mpsc::Sender<DuplexStream>>;

fn listeners() -> MutexGuard<'static, Listeners> {
    // No code can panic half-way through a change to the map.
    LISTENERS.lock()
}

/// Connects to the listener of this name. Waits while its backlog is full.
pub(crate) async fn connect(name: &str) -> Result<DuplexStream, Error> {
    let refused = || {
        system(io::ErrorKind::ConnectionRefused.into()).with_reason(format!(
            "nothing in this process is bound to the name \"{name}\""
        ))
    };
    let listener = listeners().get(name).cloned().ok_or_else(refused)?;
    let place = listener.reserve().await.map_err(|_| refused())?;
    let (near, far) = duplex(BUFFER);
    place.send(far);
    Ok(near)
}

/// A bound name and its incoming connections. Dropping it frees the name.
#[derive(Debug)]
pub(crate) struct MemListener {
    name: String,
    waiting: mpsc::Receiver<DuplexStream>,
}

impl MemListener {
    pub(crate) fn bind(name: &str, backlog: u32) -> Result<Self, Error> {
        let mut listeners = listeners();
        if listeners.contains_key(name) {
            return Err(system(io::ErrorKind::AddrInUse.into()).with_reason(format!(
                "the name \"{name}\" is bound already in this process"
            )));
        }
        let backlog = usize::try_from(backlog).unwrap_or(usize::MAX);
        let backlog = backlog.clamp(1, tokio::sync::Semaphore::MAX_PERMITS);
        let (sender, waiting) = mpsc::channel(backlog);
        listeners.insert(name.to_owned(), sender);
        Ok(Self {
            name: name.to_owned(),
            waiting,
        })
    }

    pub(crate) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<DuplexStream>> {
        // The map holds a sender for as long as this listener lives, so the
        // channel does not end.
        self.waiting
            .poll_recv(cx)
            .map(|stream| stream.ok_or_else(|| io::ErrorKind::NotConnected.into()))
    }
}

impl Drop for MemListener {
    fn drop(&mut self) {
        listeners().remove(&self.name);
    }
}

#[cfg(test)]
mod tests;

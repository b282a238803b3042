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
mod tests {
    use super::*;
    use futures::FutureExt;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn kind(error: &Error) -> io::ErrorKind {
        assert!(error.is_io(), "{error}");
        error.io().unwrap().kind()
    }

    #[tokio::test]
    async fn bytes_pass_and_the_end_is_seen() {
        let mut listener = MemListener::bind("mem-bytes", 1).unwrap();
        let mut near = connect("mem-bytes").await.unwrap();
        let mut far = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();

        near.write_all(b"hello").await.unwrap();
        drop(near);

        let mut bytes = Vec::new();
        far.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes, b"hello");
    }

    #[tokio::test]
    async fn an_unknown_name_is_refused() {
        let error = connect("mem-unknown").await.unwrap_err();
        assert_eq!(kind(&error), io::ErrorKind::ConnectionRefused);
        assert!(error.to_string().contains("\"mem-unknown\""), "{error}");
    }

    #[test]
    fn a_name_is_taken_until_its_listener_drops() {
        let first = MemListener::bind("mem-taken", 1).unwrap();
        let error = MemListener::bind("mem-taken", 1).unwrap_err();
        assert_eq!(kind(&error), io::ErrorKind::AddrInUse);

        drop(first);
        MemListener::bind("mem-taken", 1).unwrap();
    }

    #[tokio::test]
    async fn a_full_backlog_makes_the_next_one_wait() {
        let mut listener = MemListener::bind("mem-full", 1).unwrap();
        let _first = connect("mem-full").await.unwrap();
        let mut second = Box::pin(connect("mem-full"));
        assert!((&mut second).now_or_never().is_none());

        poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
        second.await.unwrap();
    }

    #[tokio::test]
    async fn who_waits_is_refused_when_the_listener_drops() {
        let listener = MemListener::bind("mem-gone", 1).unwrap();
        let mut queued = connect("mem-gone").await.unwrap();
        let mut waiting = Box::pin(connect("mem-gone"));
        assert!((&mut waiting).now_or_never().is_none());

        drop(listener);

        let error = waiting.await.unwrap_err();
        assert_eq!(kind(&error), io::ErrorKind::ConnectionRefused);
        assert_eq!(queued.read(&mut [0]).await.unwrap(), 0);
    }
}

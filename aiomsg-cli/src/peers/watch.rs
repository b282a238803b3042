//! A layer around each connection that counts what it hears.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use aiomsg::core::{Connection, Frame, Identified};
use aiomsg::{Error, Identity};
use futures::{Sink, Stream};
use serde::Serialize;
use tokio::sync::mpsc;
use tower::Layer;

/// What was heard of each peer that is connected.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    peers: HashMap<Identity, Heard>,
    heartbeats: Option<mpsc::Sender<Identity>>,
}

/// What was heard of one peer on its connection.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Heard {
    pub(super) heartbeats: u64,
    pub(super) messages: u64,
}

/// Whoever listens slowly misses heartbeats.
const WAITING: usize = 1024;

impl Watch {
    /// Each heartbeat from now on.
    pub(super) fn listen(&self) -> mpsc::Receiver<Identity> {
        let (heartbeats, listener) = mpsc::channel(WAITING);
        self.lock().heartbeats = Some(heartbeats);
        listener
    }

    pub(super) fn heard(&self, peer: &Identity) -> Heard {
        self.lock().peers.get(peer).copied().unwrap_or_default()
    }

    fn note(&self, peer: &Identity, frame: &Frame) {
        let mut state = self.lock();
        let heard = state.peers.entry(peer.clone()).or_default();
        match frame {
            Frame::Heartbeat => {
                heard.heartbeats += 1;
                if let Some(listener) = &state.heartbeats {
                    let _ = listener.try_send(peer.clone());
                }
            }
            Frame::Data { .. } | Frame::Request { .. } => heard.messages += 1,
            _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Identified> Layer<C> for Watch {
    type Service = Watched<C>;

    fn layer(&self, inner: C) -> Watched<C> {
        let peer = inner.identity().clone();
        // A connection that takes the place of another one begins anew.
        self.lock().peers.insert(peer.clone(), Heard::default());
        Watched {
            inner,
            peer,
            watch: self.clone(),
        }
    }
}

/// A connection that is watched.
#[derive(Debug)]
pub(super) struct Watched<C> {
    inner: C,
    peer: Identity,
    watch: Watch,
}

impl<C> Drop for Watched<C> {
    fn drop(&mut self) {
        self.watch.lock().peers.remove(&self.peer);
    }
}

impl<C: Connection> Stream for Watched<C> {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_next(cx));
        if let Some(Ok(frame)) = &frame {
            self.watch.note(&self.peer, frame);
        }
        Poll::Ready(frame)
    }
}

impl<C: Connection> Sink<Frame> for Watched<C> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.inner).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        Pin::new(&mut self.inner).start_send(frame)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

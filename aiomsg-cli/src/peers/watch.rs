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
    /// By peer: the number of its connection, and what was heard on it.
    peers: HashMap<Identity, (u64, Heard)>,
    /// How many connections there have been.
    connections: u64,
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
        let state = self.lock();
        let heard = state.peers.get(peer).map(|(_, heard)| *heard);
        heard.unwrap_or_default()
    }

    /// The number of a new connection with a peer. One that takes the place of another
    /// begins anew.
    fn begin(&self, peer: &Identity) -> u64 {
        let mut state = self.lock();
        state.connections += 1;
        let number = state.connections;
        let counts = (number, Heard::default());
        state.peers.insert(peer.clone(), counts);
        number
    }

    fn note(&self, peer: &Identity, number: u64, frame: &Frame) {
        let mut state = self.lock();
        if let (Frame::Heartbeat, Some(listener)) = (frame, &state.heartbeats) {
            let _ = listener.try_send(peer.clone());
        }
        let Some((current, heard)) = state.peers.get_mut(peer) else {
            return;
        };
        match frame {
            _ if *current != number => {}
            Frame::Heartbeat => heard.heartbeats += 1,
            Frame::Data { .. } | Frame::Request { .. } => heard.messages += 1,
            _ => {}
        }
    }

    /// Forgets a connection, and not the one that has taken its place.
    fn end(&self, peer: &Identity, number: u64) {
        let mut state = self.lock();
        if state
            .peers
            .get(peer)
            .is_some_and(|(current, _)| *current == number)
        {
            state.peers.remove(peer);
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
        let number = self.begin(&peer);
        Watched {
            inner,
            peer,
            number,
            watch: self.clone(),
        }
    }
}

/// A connection that is watched.
#[derive(Debug)]
pub(super) struct Watched<C> {
    inner: C,
    peer: Identity,
    number: u64,
    watch: Watch,
}

impl<C> Drop for Watched<C> {
    fn drop(&mut self) {
        self.watch.end(&self.peer, self.number);
    }
}

impl<C: Connection> Stream for Watched<C> {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_next(cx));
        if let Some(Ok(frame)) = &frame {
            self.watch.note(&self.peer, self.number, frame);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection that is nothing but somebody's.
    struct Of(Identity);

    impl Identified for Of {
        fn identity(&self) -> &Identity {
            &self.0
        }
    }

    /// The counts of the new connection went with the old one.
    #[test]
    fn the_end_of_an_old_connection_leaves_the_counts_of_the_new_one() {
        let (watch, peer) = (Watch::default(), Identity::random());
        let old = watch.layer(Of(peer.clone()));
        watch.note(&peer, old.number, &Frame::Heartbeat);
        let new = watch.layer(Of(peer.clone()));
        assert_eq!(watch.heard(&peer).heartbeats, 0);
        watch.note(&peer, new.number, &Frame::Heartbeat);
        // What the old one still hears is not the new one's.
        watch.note(&peer, old.number, &Frame::Heartbeat);
        assert_eq!(watch.heard(&peer).heartbeats, 1);
        drop(old);
        assert_eq!(watch.heard(&peer).heartbeats, 1);
        drop(new);
        assert_eq!(watch.heard(&peer).heartbeats, 0);
        assert!(watch.lock().peers.is_empty());
    }
}

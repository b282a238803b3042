//! A layer around each connection that counts received frames.

use std::collections::HashMap;
use std::sync::Arc;

use aiomsg::Identity;
use aiomsg::layer::Hooked;
use aiomsg::layer::{Frame, FrameHook, Identified};
use aiomsg::parts::vocabulary::sync::{Mutex, MutexGuard};
use serde::Serialize;
use tokio::sync::mpsc;
use tower::Layer;

/// The frames received from each connected peer.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// By peer: the number of its connection, and the frames received on it.
    peers: HashMap<Identity, (u64, Heard)>,
    /// How many connections there have been.
    connections: u64,
    heartbeats: Option<mpsc::Sender<Identity>>,
}

/// The frames received from one peer on its connection.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Heard {
    pub(super) heartbeats: u64,
    pub(super) messages: u64,
}

/// A slow listener misses heartbeats.
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

    /// A new connection with a peer. One that takes the place of another begins anew.
    fn watched(&self, peer: Identity) -> Watched {
        let mut state = self.lock();
        state.connections += 1;
        let number = state.connections;
        let counts = (number, Heard::default());
        state.peers.insert(peer.clone(), counts);
        drop(state);
        Watched {
            peer,
            number,
            watch: self.clone(),
        }
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
            frame if frame.payload().is_some() => heard.messages += 1,
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
        self.0.lock()
    }
}

impl<C: Identified> Layer<C> for Watch {
    type Service = Hooked<C, Watched>;

    fn layer(&self, inner: C) -> Hooked<C, Watched> {
        let peer = inner.identity().clone();
        Hooked::new(inner, self.watched(peer))
    }
}

/// Counts the frames of a connection.
#[derive(Debug)]
pub(super) struct Watched {
    peer: Identity,
    number: u64,
    watch: Watch,
}

impl FrameHook for Watched {
    fn arriving(&mut self, frame: Frame) -> Option<Frame> {
        self.watch.note(&self.peer, self.number, &frame);
        Some(frame)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watch.end(&self.peer, self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The counts of the new connection went with the old one.
    #[test]
    fn the_end_of_an_old_connection_leaves_the_counts_of_the_new_one() {
        let (watch, peer) = (Watch::default(), Identity::random());
        let heartbeats = || watch.heard(&peer).heartbeats;
        let mut old = watch.watched(peer.clone());
        old.arriving(Frame::Heartbeat);
        let mut new = watch.watched(peer.clone());
        assert_eq!(heartbeats(), 0);
        new.arriving(Frame::Heartbeat);
        // Late frames of the old connection do not count for the new one.
        old.arriving(Frame::Heartbeat);
        assert_eq!(heartbeats(), 1);
        drop(old);
        assert_eq!(heartbeats(), 1);
        drop(new);
        assert_eq!(heartbeats(), 0);
        assert!(watch.lock().peers.is_empty());
    }
}

//! A layer around each connection that counts what it hears.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aiomsg::Identity;
use aiomsg::layer::Hooked;
use aiomsg::layer::{Frame, FrameHook, Identified};
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
    type Service = Hooked<C, Watched>;

    fn layer(&self, inner: C) -> Hooked<C, Watched> {
        let peer = inner.identity().clone();
        // A connection that takes the place of another one begins anew.
        self.lock().peers.insert(peer.clone(), Heard::default());
        let watch = self.clone();
        Hooked::new(inner, Watched { peer, watch })
    }
}

/// What is heard on a connection.
#[derive(Debug)]
pub(super) struct Watched {
    peer: Identity,
    watch: Watch,
}

impl FrameHook for Watched {
    fn arriving(&mut self, frame: Frame) -> Option<Frame> {
        self.watch.note(&self.peer, &frame);
        Some(frame)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watch.lock().peers.remove(&self.peer);
    }
}

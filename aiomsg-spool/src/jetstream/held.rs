//! The messages that were given out, and are not settled.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::AckKind;
use async_nats::jetstream::message::Acker;
use tokio::time::sleep;

use super::server::Server;
use crate::store::Entry;

/// A message that is given out.
pub(super) struct Given {
    pub(super) acker: Arc<Acker>,
    pub(super) entry: Entry,
}

#[derive(Default)]
pub(super) struct Holding(HashMap<u64, Given>);

impl Holding {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Notes a message that the server has given out. Returns whether it is the first time:
    /// otherwise it is held already, and answered by its new name from now on.
    pub(super) fn hold(&mut self, seq: u64, given: Given) -> bool {
        self.0.insert(seq, given).is_none()
    }

    pub(super) fn release(&mut self, seq: u64) -> Option<Given> {
        self.0.remove(&seq)
    }

    fn ackers(&self) -> Vec<Arc<Acker>> {
        self.0.values().map(|it| Arc::clone(&it.acker)).collect()
    }

    fn release_all(&mut self) -> Vec<Arc<Acker>> {
        let all = self.ackers();
        self.0.clear();
        all
    }
}

/// Tells the server each `time` that messages are worked on, until the store is closed. They
/// may wait for days until a peer comes.
pub(super) async fn keep(server: Arc<Server>, time: Duration) {
    loop {
        tokio::select! {
            () = server.closed() => return,
            () = sleep(time) => {}
        }
        let ackers = server.holding.lock().ackers();
        for acker in ackers {
            // While the server is away, the next sign does.
            if acker.ack_with(AckKind::Progress).await.is_err() {
                break;
            }
        }
    }
}

impl Server {
    /// Gives back all messages, so that another spool gets them at once.
    pub(super) async fn give_back_all(&self) {
        let all = self.holding.lock().release_all();
        for acker in all {
            // Without it, the server waits until it has heard nothing for long enough.
            if acker.ack_with(AckKind::Nak(None)).await.is_err() {
                return;
            }
        }
    }
}

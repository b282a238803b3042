//! The contents of `/api/status`, in JSON.

use serde::{Deserialize, Serialize};

/// The whole proxy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) version: String,
    /// `running`, `paused` or `draining`.
    pub(crate) state: String,
    /// Why it is not ready.
    pub(crate) not_ready: Option<String>,
    pub(crate) uptime_seconds: u64,
    pub(crate) mode: String,
    pub(crate) at_least_once: Option<String>,
    pub(crate) replies: bool,
    /// From producers to consumers.
    pub(crate) messages: Way,
    /// From consumers to producers.
    pub(crate) answers: Way,
    pub(crate) frontend: Side,
    pub(crate) backend: Side,
    /// The spool, if there is one.
    #[serde(default)]
    pub(crate) spool: Option<Spool>,
    pub(crate) drops: Vec<Drop>,
    /// The reasons of recent failures, the latest first.
    #[serde(default)]
    pub(crate) reasons: Vec<Reason>,
    pub(crate) history: History,
}

/// One direction.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Way {
    pub(crate) taken: u64,
    pub(crate) forwarded: u64,
    /// Left with their senders, who send them again.
    pub(crate) unacknowledged: u64,
    /// Forwarded in a second.
    pub(crate) rate: f64,
}

/// One side.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Side {
    pub(crate) identity: String,
    pub(crate) endpoints: Vec<Place>,
    pub(crate) received_messages: u64,
    pub(crate) sent_messages: u64,
    pub(crate) received_bytes: u64,
    pub(crate) sent_bytes: u64,
    /// Messages that have arrived and wait to be forwarded.
    pub(crate) inbox: usize,
    /// Messages that wait since no peer is connected.
    pub(crate) buffered: usize,
    pub(crate) unacknowledged: usize,
    pub(crate) connections: u64,
    pub(crate) failed_connections: u64,
    /// How many are connected, of which some are shown.
    pub(crate) peer_count: usize,
    /// The busiest first.
    pub(crate) peers: Vec<Peer>,
}

/// The messages that outlive the proxy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Spool {
    /// Messages that wait for their acknowledgement by a consumer, and their payload.
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    /// The age of the oldest of them.
    pub(crate) oldest_seconds: Option<u64>,
    /// Messages that were set aside.
    pub(crate) dead_messages: u64,
    pub(crate) dead_bytes: u64,
    /// The size of its files.
    pub(crate) disk_bytes: u64,
    /// Messages that were set aside since the start because they are damaged.
    #[serde(default)]
    pub(crate) damaged_messages: u64,
    /// Places of messages that could not be read, since the start.
    #[serde(default)]
    pub(crate) unreadable_places: u64,
    /// Acknowledged by consumers since the start.
    pub(crate) acknowledged: u64,
    /// Acknowledged in a second.
    pub(crate) acknowledged_rate: f64,
    /// Why it stores nothing.
    pub(crate) failure: Option<String>,
}

/// An endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) endpoint: String,
    /// Whether it listens there, and does not connect.
    pub(crate) listens: bool,
    /// `up`, `duplicate` or `down`.
    #[serde(default)]
    pub(crate) state: String,
    /// The other endpoint at which its peer is connected, if it is a duplicate.
    #[serde(default)]
    pub(crate) duplicate_of: Option<String>,
    /// Why it is not in use.
    pub(crate) error: Option<String>,
}

/// A peer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Peer {
    pub(crate) identity: String,
    pub(crate) address: String,
    pub(crate) endpoint: String,
    pub(crate) dialect: String,
    pub(crate) tls: bool,
    pub(crate) dialled: bool,
    pub(crate) connected_seconds: u64,
    pub(crate) queued_messages: usize,
    pub(crate) queued_bytes: usize,
    pub(crate) received_messages: u64,
    pub(crate) sent_messages: u64,
    /// Messages in a second, from it and to it.
    pub(crate) rate: f64,
}

/// A page of connections, in JSON at `/api/peers`.
#[derive(Debug, Serialize)]
pub(crate) struct Page<T> {
    /// How many there are in all of those that were asked for.
    pub(crate) total: usize,
    pub(crate) offset: usize,
    pub(crate) peers: Vec<T>,
}

/// A connection of a side.
#[derive(Debug, Serialize)]
pub(crate) struct Sided {
    pub(crate) side: &'static str,
    #[serde(flatten)]
    pub(crate) peer: Peer,
}

/// A connection that has ended.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Closed {
    pub(crate) side: String,
    pub(crate) identity: String,
    pub(crate) address: String,
    pub(crate) endpoint: String,
    pub(crate) reason: String,
    pub(crate) seconds_ago: u64,
}

/// Dropped messages.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Drop {
    /// `frontend`, `backend` or `proxy`.
    pub(crate) side: String,
    pub(crate) reason: String,
    /// The reason, for people.
    pub(crate) means: String,
    pub(crate) count: u64,
}

/// The last reason of failures of one kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Reason {
    /// `frontend`, `backend` or `proxy`.
    pub(crate) side: String,
    /// `dial`, `accept`, `refused`, `handshake`, `dropped` or `handler`.
    pub(crate) kind: String,
    /// The endpoint, for failures of connections.
    pub(crate) endpoint: Option<String>,
    /// The peer of the last one, or its address.
    pub(crate) peer: Option<String>,
    pub(crate) reason: String,
    /// The number of failures so far.
    pub(crate) count: u64,
    /// The time since the last one.
    pub(crate) seconds_ago: u64,
}

#[cfg(feature = "top")]
impl Reason {
    /// In a line.
    pub(crate) fn text(&self) -> String {
        let Self {
            side, kind, reason, ..
        } = self;
        let endpoint = self.endpoint.as_deref();
        // Most reasons of connections begin with it.
        let at = endpoint.filter(|at| !reason.starts_with(*at));
        let at = at.map(|at| format!(" at {at}")).unwrap_or_default();
        format!("{side}, {kind}{at}: {reason}")
    }
}

/// Rates of the last minutes, the oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct History {
    pub(crate) step_seconds: u64,
    /// How many steps there can be.
    pub(crate) steps: usize,
    pub(crate) messages: Vec<f64>,
    pub(crate) answers: Vec<f64>,
    pub(crate) dropped: Vec<f64>,
}

//! The counters of one peer.

use std::time::Duration;

use aiomsg_layers::admission::Member;

use super::peer::{Connected, PeerInfo};

/// A connected peer, with the traffic of its connection and its queue. See
/// [`Socket::peer_stats`](crate::Socket::peer_stats).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PeerStats {
    /// The peer.
    pub peer: PeerInfo,
    /// The time since it connected.
    pub connected_for: Duration,
    /// Messages in its queue, and on their way to the connection.
    pub queued_messages: usize,
    /// The bytes of their payloads.
    pub queued_bytes: usize,
    /// Messages given to the connection.
    pub sent_messages: u64,
    /// The bytes of their payloads.
    pub sent_bytes: u64,
    /// Messages received from it.
    pub received_messages: u64,
    /// The bytes of their payloads.
    pub received_bytes: u64,
}

impl PeerStats {
    pub(crate) fn of(member: &Member<Connected>) -> Self {
        let (queue, counts) = (member.queue(), member.counts());
        Self {
            peer: member.info().peer.clone(),
            connected_for: member.since().elapsed(),
            queued_messages: queue.items(),
            queued_bytes: queue.bytes(),
            sent_messages: counts.sent_messages(),
            sent_bytes: counts.sent_bytes(),
            received_messages: counts.received_messages(),
            received_bytes: counts.received_bytes(),
        }
    }
}

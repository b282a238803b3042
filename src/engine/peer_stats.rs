//! What goes on with one peer.

use std::time::Duration;

use aiomsg_layers::admission::Member;

use super::peer::PeerInfo;

/// A peer that is connected, what has passed between it and the socket on this
/// connection, and what waits for it. See
/// [`Socket::peer_stats`](crate::Socket::peer_stats).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PeerStats {
    /// Who it is, and how it is connected.
    pub peer: PeerInfo,
    /// For how long.
    pub connected_for: Duration,
    /// Messages in its queue, and on their way out of it.
    pub queued_messages: usize,
    /// Their payloads, in bytes.
    pub queued_bytes: usize,
    /// Messages that were handed to the connection.
    pub sent_messages: u64,
    /// Their payloads, in bytes.
    pub sent_bytes: u64,
    /// Messages that arrived from it.
    pub received_messages: u64,
    /// Their payloads, in bytes.
    pub received_bytes: u64,
}

impl PeerStats {
    pub(crate) fn of(member: &Member<PeerInfo>) -> Self {
        let (queue, counts) = (member.queue(), member.counts());
        Self {
            peer: member.info().clone(),
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

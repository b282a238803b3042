//! Sockets that answer their peers.

use std::time::Duration;

use aiomsg::{AckMode, Limits, SocketBuilder};

/// How long an answer waits for a peer that has gone, and the end for the rest.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Sets a socket that acknowledges a message when it is answered. `waiting` bounds the messages
/// that wait to be received, and the answers for peers that have gone.
pub(crate) fn answering(builder: SocketBuilder, waiting: Limits) -> SocketBuilder {
    builder
        .ack_mode(AckMode::Handled)
        .receive_limits(waiting)
        .absent_limits(waiting)
        .absent_timeout(PATIENCE)
}

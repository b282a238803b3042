//! WebSocket (RFC 6455): the byte stream of a connection, carried in binary messages.
//!
//! Browsers, and peers behind HTTP ingresses, connect by WebSocket. The boundaries of the
//! messages mean nothing: the aiomsg handshake and frames run over the stream of their payloads,
//! as they do over TCP. There are no subprotocols and no extensions. A ping is answered, and a
//! pong is ignored; aiomsg's own heartbeats tell whether a peer lives.
//!
//! - **Accepting**: [`WebSocketLayer`] is a layer around an [`Acceptor`](crate::Acceptor). The
//!   first byte of a peer tells: `00` is an aiomsg peer, whose bytes pass through unchanged, and
//!   a letter is an HTTP request. So raw peers and browsers share a port.
//! - **Connecting**: a [`Connector`](crate::Connector) dials `ws://` and `wss://` endpoints.
//!
//! The crate `tungstenite` parses and writes the heads of requests, responses and frames. The
//! payload of a frame is not collected: it is unmasked where it was read, and passed on as it
//! comes. So a peer that announces a large frame costs no memory here, and the bounds of the
//! layers above hold as they do over TCP. A server writes its payload from where it is, and a
//! client masks a copy. A write reports the bytes that the connection below has taken, as over
//! TCP, so a message that never left can be sent by another connection.

mod accept;
mod buffer;
mod client;
mod error;
mod guard;
mod head;
mod layer;
mod refusal;
mod stream;

pub use accept::AcceptingFuture;
pub use error::is_refused;
pub use guard::WebSocketGuard;
pub use layer::{WebSocketLayer, WebSockets};

pub(crate) use client::{Headers, connect, host};
pub(crate) use error::explain;

/// The end of a connection that this one is. It decides who masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Client,
    Server,
}

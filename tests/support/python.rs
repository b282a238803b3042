//! Real Python peers for the interoperability tests.
//!
//! Two versions of the PyPI library `aiomsg` speak two different wires. Each
//! one is installed once, into a virtual environment below Cargo's target
//! directory, and runs as a child process:
//!
//! - [`Peer`] is a socket that the test drives message by message;
//! - [`Script`] is one of the cookbook's programs, to be watched;
//! - [`WebSocketPeer`] has a library for WebSocket only, and speaks the protocol
//!   by hand.
//!
//! All are killed when they are dropped, and all end by themselves when their
//! standard input closes, so that no child outlives its test.
//!
//! Every wait is bounded, and panics with what it waited for and with what the
//! child wrote to its standard error. The clock must be the real one: with
//! tokio's time paused, those bounds pass at once, because the runtime cannot
//! see that a child is busy.

mod certificate;
mod environment;
mod event;
mod mutual_tls;
mod peer;
mod process;
mod script;
mod websocket_peer;

use std::net::{Ipv4Addr, TcpListener};

pub use self::certificate::{Certificate, certificate};
pub use self::environment::{Package, Version, interpreter};
pub use self::mutual_tls::Tls;
pub use self::peer::{Guarantee, Peer, PeerBuilder, SendMode};
pub use self::script::Script;
pub use self::websocket_peer::{Heard, Shape, WebSocketPeer, WebSocketPeerBuilder};

/// A TCP port of the loopback address that nothing listens on.
///
/// Another process can take the port before the caller does. Prefer port 0
/// wherever the test can ask which port it got; this is for the tests that need
/// an address before anything is bound to it.
///
/// # Panics
///
/// If no port can be had.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind to a free port");
    listener
        .local_addr()
        .expect("address of the listener just bound")
        .port()
}

//! What must hold for any input.
//!
//! Each function takes bytes that anybody may have made up, and panics when
//! something does not hold for them. The fuzz targets in `fuzz/` look for such
//! bytes; `tests/corpus.rs` replays what they have found interesting so far.
//!
//! | property | input |
//! |---|---|
//! | [`decode_v1`], [`decode_2019`] | [cuts], then a stream of frames |
//! | [`detect`] | [cuts], then the first bytes of a peer |
//! | [`handshake`] | a setting and a [script] |
//! | [`endpoint`] | text |
//! | [`topics`] | frames for two connections of a publisher |
//! | [`request`] | what is done to an answer, then a message |
//! | [`websocket`] | [cuts], then the bytes of a peer that may connect by WebSocket |
//! | [`session`] | a setting, and what a peer and a program do |
//!
//! The formats are as plain as they can be, so that inputs can be written by
//! hand.
//!
//! [cuts]: bytes_in_pieces::Cuts
//! [script]: handshake()

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    reason = "a property that does not hold panics, which is what is wanted"
)]

pub mod bytes_in_pieces;
mod decode;
mod detect;
mod endpoint;
mod handshake;
mod memory;
mod request;
mod session;
mod topics;
mod websocket;

use aiomsg_core::Dialect;

pub use detect::detect;
pub use endpoint::endpoint;
pub use handshake::handshake;
pub use request::request;
pub use session::session;
pub use topics::topics;
pub use websocket::websocket;

/// What must hold for any bytes: panics if it does not.
pub type Property = fn(&[u8]);

/// All of them, by the names of their fuzz targets.
pub const PROPERTIES: &[(&str, Property)] = &[
    ("decode_v1", decode_v1),
    ("decode_2019", decode_2019),
    ("detect", detect),
    ("handshake", handshake),
    ("endpoint", endpoint),
    ("topics", topics),
    ("request", request),
    ("session", session),
    ("websocket", websocket),
];

/// Frames of dialect v1. See [`decode_2019`].
pub fn decode_v1(input: &[u8]) {
    decode::decode(Dialect::V1, input);
}

/// Frames of the 2019 dialect: however they are cut, the codec and the framed
/// connection see the same; what they see can be written and read again; and
/// no memory is taken for what is only announced.
pub fn decode_2019(input: &[u8]) {
    decode::decode(Dialect::V2019, input);
}

/// A runtime whose clock is paused.
fn run<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(future)
}

//! The parts that several commands share.

pub(crate) mod advice;
pub(crate) mod answering;
pub(crate) mod aside;
pub(crate) mod closed;
pub(crate) mod connect_all;
#[cfg(windows)]
mod console;
pub(crate) mod failure;
pub(crate) mod headers;
pub(crate) mod identity;
pub(crate) mod log;
pub(crate) mod naming;
pub(crate) mod off_thread;
pub(crate) mod peer_identities;
pub(crate) mod print;
pub(crate) mod progress;
pub(crate) mod said;
pub(crate) mod say;
#[cfg(unix)]
pub(crate) mod signals;
pub(crate) mod socket;
pub(crate) mod stop;
pub(crate) mod stopped;
pub(crate) mod text;
pub(crate) mod tls;
pub(crate) mod value;
pub(crate) mod wait;
pub(crate) mod websocket;

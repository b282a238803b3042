//! A small HTTP server for looking at a program, and a client for it.

pub(crate) mod address;
#[cfg(feature = "top")]
pub(crate) mod client;
mod places;
pub(crate) mod server;
#[cfg(feature = "top")]
pub(crate) mod url;

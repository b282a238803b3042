//! A small HTTP server for looking at a program, and a client for it.

pub(crate) mod address;
pub(crate) mod client;
mod places;
pub(crate) mod server;
pub(crate) mod url;

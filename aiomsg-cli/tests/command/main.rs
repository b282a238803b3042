//! The `aiomsg` command as its user sees it: processes, pipes and exit codes.

#![allow(clippy::unwrap_used)]

mod bench;
mod certificate;
mod demo;
mod docs;
mod doctor;
mod early_signals;
mod echo;
mod files;
mod headers;
mod help;
#[cfg(unix)]
mod installer;
mod messages;
mod pages;
mod peers;
mod pipes;
mod process;
mod refused;
mod reply;
mod request;
mod signals;
#[cfg(feature = "spool")]
mod spool;
mod tls;
mod topics;
mod unix;
mod unreachable;
mod usage;
mod websocket;

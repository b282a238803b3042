//! The `aiomsg` command as its user sees it: processes, pipes and exit codes.

#![allow(clippy::unwrap_used)]

mod bench;
mod demo;
mod doctor;
mod echo;
mod files;
mod messages;
mod peers;
mod process;

//! The store in a folder.
#![allow(missing_docs, clippy::unwrap_used)]

mod age;
mod common;
mod given;
mod limits;
mod model;
mod order;
mod reopened;
mod settled;

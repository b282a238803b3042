//! The store in a folder.
#![allow(missing_docs, clippy::unwrap_used)]

mod age;
mod child;
mod common;
mod damage;
mod full;
mod given;
mod killed;
mod limits;
mod lock;
mod model;
mod order;
mod power;
mod reopened;
mod settled;
mod shim;

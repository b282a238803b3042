//! The store in a folder.
#![allow(missing_docs, clippy::unwrap_used)]

mod age;
#[cfg(target_os = "linux")]
mod child;
mod common;
mod damage;
#[cfg(target_os = "linux")]
mod full;
mod given;
#[cfg(target_os = "linux")]
mod killed;
mod limits;
mod lock;
mod model;
mod order;
#[cfg(target_os = "linux")]
mod power;
mod reopened;
mod room;
mod settled;
#[cfg(target_os = "linux")]
mod shim;
mod upgraded;

//! Messages of [aiomsg] that outlive the process.
//!
//! A [`Spool`] is a store of messages on disk. Its [layer](Spool::layer) around the send path
//! of a socket stores each message: `send` returns when the message is safe. From there the
//! message is sent, and deleted when a peer has acknowledged it. After a crash or a restart,
//! what was not acknowledged is sent again, under the same ids, so that a receiver with a
//! `DedupLayer` handles each message once.
//!
//! ```
//! use aiomsg::Socket;
//! use aiomsg_spool::Spool;
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let spool = Spool::open(folder.path().join("jobs")).await?;
//! let producer = Socket::builder().at_least_once().layer(spool.layer()).build()?;
//! producer.connect("mem://spool-doc")?;
//! producer.send("it is on the disk when this returns").await?;
//!
//! // The consumer may come days later.
//! let consumer = Socket::new()?;
//! consumer.bind("mem://spool-doc").await?;
//! assert_eq!(consumer.recv().await?, "it is on the disk when this returns");
//! assert_eq!(spool.drain(Duration::from_secs(10)).await?, 0);
//! producer.close(Duration::from_secs(5)).await;
//! spool.close().await?;
//! # Ok(()) }
//! ```
//!
//! # An inbox
//!
//! A spool is an inbox, too: store what arrives, acknowledge it when it is stored, and handle
//! it from the store. [`Spool::receive`] and [`Spool::messages`] do that.
//!
//! [aiomsg]: https://docs.rs/aiomsg

#![cfg_attr(docsrs, feature(doc_cfg))]

mod appending;
mod drainer;
mod embedded;
mod error;
mod front;
mod ids;
#[cfg(feature = "jetstream")]
mod jetstream;
mod layer;
mod messages;
mod settings;
mod spool;
pub mod store;

pub use appending::Appending;
pub use drainer::Drainer;
pub use embedded::{Embedded, inspect};
pub use error::SpoolError;
#[cfg(feature = "jetstream")]
pub use jetstream::{Jetstream, JetstreamSettings};
pub use layer::{SpoolLayer, SpoolService};
pub use messages::{Held, Messages};
pub use settings::{Settings, SyncPolicy};
pub use spool::{Spool, SpoolBuilder};

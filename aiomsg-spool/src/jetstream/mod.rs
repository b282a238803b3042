//! A store on a NATS server, or on a cluster of them, by JetStream.

mod append;
mod connections;
mod headers;
mod held;
mod server;
mod settle;
mod take;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aiomsg_layers::Overflow;

use crate::SpoolError;
use crate::store::{Answer, Entry, Settled, Shed, Stats, Store, Stored, Usage};
use server::Server;

/// A store on a NATS server with JetStream, for more than one machine.
///
/// Its messages are a stream of the server, with the retention of a work queue, and its dead
/// letters another one. Several spools may share them: each message goes to one of them, and
/// to another one when the server has heard nothing of it for
/// [`ack_wait`](JetstreamSettings::ack_wait).
///
/// A message is stored when the server has acknowledged it. The server writes it to its disk
/// every two minutes (`sync_interval`), unless it is told otherwise (`sync_interval:
/// always`); with `replicas`, it is on most of the servers.
pub struct Jetstream {
    server: Arc<Server>,
}

/// The settings of a [`Jetstream`].
#[derive(Debug, Clone)]
pub struct JetstreamSettings {
    pub(crate) name: String,
    pub(crate) replicas: usize,
    pub(crate) duplicate_window: Duration,
    pub(crate) ack_wait: Duration,
    pub(crate) max_age: Option<Duration>,
    pub(crate) max_messages: Option<u64>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) overflow: Overflow,
}

impl JetstreamSettings {
    /// The settings of the stream of this name. The name is of letters, digits, `-` and `_`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            replicas: 1,
            duplicate_window: Duration::from_secs(120),
            ack_wait: Duration::from_secs(30),
            max_age: None,
            max_messages: None,
            max_bytes: None,
            overflow: Overflow::Wait,
        }
    }

    /// Sets on how many servers of a cluster each message is: 1 to 5, and 1 by default.
    #[must_use]
    pub fn replicas(mut self, servers: usize) -> Self {
        self.replicas = servers;
        self
    }

    /// Sets after which silence about a message the server gives it out again: 30 s by
    /// default, and at least 1 s. A spool says three times in that time that it works on its
    /// messages, so this is the time after the crash of a spool, or of the server.
    #[must_use]
    pub fn ack_wait(mut self, time: Duration) -> Self {
        self.ack_wait = time.max(Duration::from_secs(1));
        self
    }

    /// Sets for how long the server knows a message again that is stored twice: 2 minutes by
    /// default.
    #[must_use]
    pub fn duplicate_window(mut self, window: Duration) -> Self {
        self.duplicate_window = window;
        self
    }
}

impl Jetstream {
    /// Connects to a server, such as `nats://localhost:4222`, and makes the streams if they
    /// are not there. The limits of streams that are there are set to these.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, when it has no JetStream, and when there are
    /// streams of these names that are no spool.
    pub async fn connect(url: &str, settings: JetstreamSettings) -> Result<Self, SpoolError> {
        let server = Server::connect(url, &settings).await?;
        Ok(Self { server })
    }
}

impl Store for Jetstream {
    fn append(&self, entries: Vec<Entry>) -> Answer<Usage> {
        let server = Arc::clone(&self.server);
        Box::pin(async move { server.append(entries).await })
    }

    fn next(&self, most: usize) -> Answer<Vec<Stored>> {
        let server = Arc::clone(&self.server);
        Box::pin(async move { server.next(most).await })
    }

    fn settle(&self, settled: Vec<Settled>) -> Answer<Usage> {
        let server = Arc::clone(&self.server);
        Box::pin(async move { server.settle(settled).await })
    }

    /// The server drops the oldest messages by itself.
    fn shed(&self, _: Usage) -> Answer<Shed> {
        let server = Arc::clone(&self.server);
        Box::pin(async move {
            Ok(Shed {
                dropped: 0,
                left: server.usage(),
            })
        })
    }

    fn stats(&self) -> Answer<Stats> {
        let server = Arc::clone(&self.server);
        Box::pin(async move { server.stats().await })
    }

    fn close(&self) -> Answer<()> {
        let server = Arc::clone(&self.server);
        Box::pin(async move { server.close().await })
    }
}

impl fmt::Debug for Jetstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jetstream")
            .field("server", &self.server.name())
            .finish_non_exhaustive()
    }
}

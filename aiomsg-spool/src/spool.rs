//! A spool: the handle that callers share.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aiomsg_core::{Delivery, Outbound};
use aiomsg_layers::Overflow;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::SpoolError;
use crate::appending::Appending;
use crate::drainer::Drainer;
use crate::embedded::Embedded;
use crate::front::Front;
use crate::layer::SpoolLayer;
use crate::messages::Messages;
use crate::settings::{Settings, SyncPolicy};
use crate::store::{Stats, Store, bad_headers};

/// How often a drain counts what waits, if no message is settled meanwhile.
const LOOK: Duration = Duration::from_secs(1);

/// Messages that outlive the process.
///
/// Clones share one spool. It ends when [`close`](Spool::close) is called, or with its last
/// clone: everything is written then, and the store is free for another process.
#[derive(Clone)]
pub struct Spool {
    front: Arc<Front>,
    _last: Arc<Last>,
}

/// Ends the spool with its last handle.
struct Last(Arc<Front>);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Spool {
    /// The settings of a spool.
    pub fn builder() -> SpoolBuilder {
        SpoolBuilder::default()
    }

    /// Opens the spool in a folder with the default settings: a message is safe from a power
    /// cut when `send` returns.
    ///
    /// # Errors
    ///
    /// As for [`SpoolBuilder::open`].
    pub async fn open(folder: impl AsRef<Path>) -> Result<Self, SpoolError> {
        Self::builder().open(folder).await
    }

    /// The layer that stores the messages of a socket, and sends them from the store.
    pub fn layer(&self) -> SpoolLayer {
        SpoolLayer::new(self.clone())
    }

    /// The future that sends what is stored through a service, as the [layer](Spool::layer)
    /// does by itself. It ends when the service or the spool is closed.
    ///
    /// # Errors
    ///
    /// [`SpoolError::Taken`] if something takes the messages of this spool already.
    pub fn drainer<S>(&self, service: S) -> Result<Drainer<S>, SpoolError> {
        self.front.take()?;
        Ok(Drainer::new(Arc::clone(&self.front), service))
    }

    /// The stored messages, for a program that handles them itself.
    ///
    /// # Errors
    ///
    /// [`SpoolError::Taken`] if something takes the messages of this spool already.
    pub fn messages(&self) -> Result<Messages, SpoolError> {
        self.front.take()?;
        Ok(Messages::new(Arc::clone(&self.front)))
    }

    /// Stores a message. Ready when it is as durable as the spool makes messages.
    ///
    /// # Errors
    ///
    /// When the store is full, by its limit or by that of its disk
    /// ([`SpoolError::is_full`]), when the store cannot be written, when a header cannot be
    /// sent ([`SpoolError::Headers`]), and when the spool is closed. The message is not stored then. After an error of the disk alone it may be: see
    /// [`Store::append`](crate::store::Store::append).
    ///
    /// # Cancel safety
    ///
    /// A message whose future is dropped may be stored or not.
    pub async fn append(&self, message: impl Into<Outbound>) -> Result<(), SpoolError> {
        self.append_many([message.into()]).await
    }

    /// Stores messages, all in one commit or none.
    ///
    /// # Errors
    ///
    /// As for [`append`](Spool::append).
    ///
    /// # Cancel safety
    ///
    /// As for [`append`](Spool::append).
    pub async fn append_many(
        &self,
        messages: impl IntoIterator<Item = Outbound>,
    ) -> Result<(), SpoolError> {
        let now = SystemTime::now();
        let messages = messages.into_iter();
        let mut entries = Vec::with_capacity(messages.size_hint().0);
        for message in messages {
            bad_headers(&message)?;
            let (id, peer) = (message.id(), message.peer().cloned());
            let headers = message.headers().clone();
            let payload = message.into_payload();
            entries.push(self.front.entry(id, peer, headers, payload, now));
        }
        self.front.append(entries).await
    }

    /// Stores a received message. For an inbox: return its outcome from the handler of
    /// `Socket::serve`, or acknowledge the delivery when this has returned Ok.
    ///
    /// # Errors
    ///
    /// As for [`append`](Spool::append).
    ///
    /// # Cancel safety
    ///
    /// As for [`append`](Spool::append).
    pub async fn receive(&self, delivery: Delivery) -> Result<(), SpoolError> {
        self.receive_many([delivery]).await
    }

    /// Stores received messages, all in one commit or none.
    ///
    /// # Errors
    ///
    /// As for [`append`](Spool::append).
    ///
    /// # Cancel safety
    ///
    /// As for [`append`](Spool::append).
    pub async fn receive_many(
        &self,
        deliveries: impl IntoIterator<Item = Delivery>,
    ) -> Result<(), SpoolError> {
        let now = SystemTime::now();
        let entries = deliveries.into_iter().map(|delivery| {
            let headers = delivery.headers().clone();
            let (from, payload, id) = delivery.into_parts();
            self.front.entry(id, Some(from), headers, payload, now)
        });
        self.front.append(entries.collect()).await
    }

    /// Counts what is stored.
    ///
    /// # Errors
    ///
    /// When the store cannot be read, and when the spool is closed.
    pub async fn stats(&self) -> Result<Stats, SpoolError> {
        self.front.store().stats().await
    }

    /// How many messages the overflow rule has dropped since the spool was opened.
    pub fn dropped(&self) -> u64 {
        self.front.dropped()
    }

    /// Waits until nothing waits in the store, for a deadline at most. Returns how many
    /// messages still wait.
    ///
    /// # Errors
    ///
    /// As for [`stats`](Spool::stats).
    pub async fn drain(&self, deadline: Duration) -> Result<u64, SpoolError> {
        let started = Instant::now();
        loop {
            let settled = self.front.settled();
            let waiting = self.stats().await?.waiting.messages;
            let waiting = waiting + self.front.pending();
            let left = deadline.saturating_sub(started.elapsed());
            if waiting == 0 || left.is_zero() {
                return Ok(waiting);
            }
            // Messages leave for their age, too, and by others who share the store.
            let _ = tokio::time::timeout(left.min(LOOK), settled).await;
        }
    }

    /// Stores what was given to the spool, ends it, and gives the store free for another
    /// process. Messages that were not acknowledged stay in the store.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn close(&self) -> Result<(), SpoolError> {
        self.front.close();
        self.front.closed().await
    }

    pub(crate) fn front(&self) -> &Arc<Front> {
        &self.front
    }

    pub(crate) fn send(&self, message: Outbound) -> Appending {
        self.front.send(message)
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool")
            .field("store", self.front.store())
            .finish_non_exhaustive()
    }
}

/// The settings of a [`Spool`].
#[derive(Debug, Clone, Default)]
pub struct SpoolBuilder {
    settings: Settings,
    sync: SyncPolicy,
    max_age: Option<Duration>,
}

impl SpoolBuilder {
    /// Sets when a message is safe from a power cut. The default is [`SyncPolicy::Always`].
    #[must_use]
    pub fn sync(mut self, sync: SyncPolicy) -> Self {
        self.sync = sync;
        self
    }

    /// Sets how long a message may wait before it is set aside. By default for ever.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Sets the most messages that are stored, dead letters included.
    #[must_use]
    pub fn max_messages(mut self, messages: u64) -> Self {
        self.settings.max_messages = messages;
        self
    }

    /// Sets the most bytes of payloads and headers that are stored, dead letters included: by
    /// default 16 GiB.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.settings.max_bytes = bytes;
        self
    }

    /// Sets what happens to a message beyond these limits. By default its sender waits, and
    /// with [`Overflow::Disconnect`] too: no peer is to blame.
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.settings.overflow = overflow;
        self
    }

    /// Sets how often a message may fail before it is set aside: 5 by default, and at least
    /// once. At-least-once makes several attempts each time.
    #[must_use]
    pub fn max_tries(mut self, tries: u32) -> Self {
        self.settings.max_tries = tries.max(1);
        self
    }

    /// Sets how many messages may be on their way to peers at once: 8,192 by default.
    #[must_use]
    pub fn window(mut self, messages: usize) -> Self {
        self.settings.window = messages.max(1);
        self
    }

    /// Opens the spool in a folder of this machine, and makes it if it is not there.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made or written, when another process has the store open
    /// ([`SpoolError::InUse`] names it), and when the file is damaged, from a later version,
    /// or no store.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn open(self, folder: impl AsRef<Path>) -> Result<Spool, SpoolError> {
        let (folder, sync, max_age) = (folder.as_ref().to_owned(), self.sync, self.max_age);
        let opening = tokio::task::spawn_blocking(move || Embedded::open(folder, sync, max_age));
        let store = opening.await.map_err(|_| SpoolError::Closed)??;
        self.with_store(Arc::new(store)).await
    }

    /// Opens a spool on a NATS server with JetStream. The limits, the age and the overflow rule
    /// are those of the stream; [`sync`](SpoolBuilder::sync) is a setting of the server.
    ///
    /// # Errors
    ///
    /// As for [`Jetstream::connect`](crate::Jetstream::connect).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[cfg(feature = "jetstream")]
    pub async fn connect(
        self,
        url: &str,
        mut settings: crate::JetstreamSettings,
    ) -> Result<Spool, SpoolError> {
        let own = &self.settings;
        let defaults = Settings::default();
        let set = |own: u64, default: u64| (own != default).then_some(own);
        settings.max_age = self.max_age;
        settings.max_messages = set(own.max_messages, defaults.max_messages);
        settings.max_bytes = set(own.max_bytes, defaults.max_bytes);
        settings.overflow = own.overflow;
        let store = crate::Jetstream::connect(url, settings).await?;
        self.with_store(Arc::new(store)).await
    }

    /// Opens a spool over a store of your own. The setting of [`sync`](SpoolBuilder::sync)
    /// and [`max_age`](SpoolBuilder::max_age) are the store's to keep.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn with_store(self, store: Arc<dyn Store>) -> Result<Spool, SpoolError> {
        let used = store.stats().await?.usage();
        let front = Front::start(store, self.settings, used, &Handle::current());
        Ok(Spool {
            _last: Arc::new(Last(Arc::clone(&front))),
            front,
        })
    }
}

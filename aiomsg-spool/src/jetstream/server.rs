//! The connection to the server, and the streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use aiomsg_core::sync::Mutex;
use aiomsg_layers::Overflow;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::context::{Context, ContextBuilder};
use async_nats::jetstream::stream::{self, DiscardPolicy, RetentionPolicy, StorageType};
use tokio::sync::watch;

use super::JetstreamSettings;
use super::connections::Connections;
use super::held::Holding;
use crate::SpoolError;
use crate::store::{Stats, Usage};

/// The name of the one consumer of the stream.
const CONSUMER: &str = "spool";

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most messages that are published and not yet acknowledged by the server.
const IN_FLIGHT: usize = 65_536;

pub(super) struct Server {
    url: String,
    stream: String,
    pub(super) context: Context,
    pub(super) consumer: PullConsumer,
    pub(super) connections: Connections,
    pub(super) holding: Mutex<Holding>,
    /// What the stream holds, as far as this spool knows.
    pub(super) messages: AtomicU64,
    pub(super) bytes: AtomicU64,
    closed: watch::Sender<bool>,
}

impl Server {
    pub(super) async fn connect(
        url: &str,
        settings: &JetstreamSettings,
    ) -> Result<Arc<Self>, SpoolError> {
        let shown = without_secret(url);
        let failed = |source: async_nats::Error| SpoolError::Server {
            server: shown.clone(),
            source: source.into(),
        };
        let connections = Connections::default();
        let client = async_nats::ConnectOptions::new()
            .name("aiomsg-spool")
            .event_callback(connections.listener())
            .connect(url)
            .await
            .map_err(|error| failed(error.into()))?;
        let context = ContextBuilder::new()
            .timeout(PATIENCE)
            .ack_timeout(PATIENCE)
            .max_ack_inflight(IN_FLIGHT)
            .build(client);
        let config = config(settings);
        let waiting = context.create_or_update_stream(config.clone());
        let state = waiting.await.map_err(|error| failed(error.into()))?.state;
        let dead = context.create_or_update_stream(dead(&config));
        dead.await.map_err(|error| failed(error.into()))?;
        let consumer = context
            .create_consumer_on_stream(consumer(settings), settings.name.as_str())
            .await
            .map_err(|error| failed(error.into()))?;
        let server = Arc::new(Self {
            url: shown,
            stream: settings.name.clone(),
            context,
            consumer,
            connections,
            holding: Mutex::new(Holding::default()),
            messages: AtomicU64::new(state.messages),
            bytes: AtomicU64::new(state.bytes),
            closed: watch::Sender::new(false),
        });
        let signs = settings.ack_wait / 3;
        tokio::spawn(super::held::keep(Arc::clone(&server), signs));
        Ok(server)
    }

    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.url, self.stream)
    }

    /// The subject of messages that wait.
    pub(super) fn subject(&self) -> String {
        subject(&self.stream)
    }

    /// The subject of dead letters.
    pub(super) fn dead_subject(&self) -> String {
        subject(&dead_name(&self.stream))
    }

    pub(super) fn failed(
        &self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> SpoolError {
        SpoolError::Server {
            server: self.url.clone(),
            source: source.into().into(),
        }
    }

    pub(super) fn usage(&self) -> Usage {
        Usage {
            messages: self.messages.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
        }
    }

    pub(super) async fn stats(&self) -> Result<Stats, SpoolError> {
        let waiting = self.state_of(&self.stream).await?;
        let dead = self.state_of(&dead_name(&self.stream)).await?;
        let usage = |state: &stream::State| Usage {
            messages: state.messages,
            bytes: state.bytes,
        };
        self.messages.store(waiting.messages, Relaxed);
        self.bytes.store(waiting.bytes, Relaxed);
        Ok(Stats {
            waiting: usage(&waiting),
            dead: usage(&dead),
            given_out: self.holding.lock().len() as u64,
            oldest: (waiting.messages > 0).then(|| SystemTime::from(waiting.first_timestamp)),
            disk_bytes: waiting.bytes + dead.bytes,
            // The server has the files.
            damaged_messages: 0,
            unreadable_places: 0,
        })
    }

    async fn state_of(&self, stream: &str) -> Result<stream::State, SpoolError> {
        let stream = self.context.get_stream(stream).await;
        let stream = stream.map_err(|error| self.failed(error))?;
        Ok(stream.cached_info().state.clone())
    }

    /// Gives back what was given out, and ends.
    pub(super) async fn close(&self) -> Result<(), SpoolError> {
        self.closed.send_replace(true);
        self.give_back_all().await;
        let client = self.context.client();
        client.flush().await.map_err(|error| self.failed(error))
    }

    /// Ready when the store is closed.
    pub(super) async fn closed(&self) {
        let mut closed = self.closed.subscribe();
        let _ = closed.wait_for(|closed| *closed).await;
    }

    pub(super) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }
}

/// The address without the user and the password, or the token, that it may have.
fn without_secret(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("nats", url));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{host}")
}

fn config(settings: &JetstreamSettings) -> stream::Config {
    let limit = |most: Option<u64>| most.map_or(-1, |it| i64::try_from(it).unwrap_or(i64::MAX));
    stream::Config {
        name: settings.name.clone(),
        subjects: vec![subject(&settings.name)],
        retention: RetentionPolicy::WorkQueue,
        storage: StorageType::File,
        num_replicas: settings.replicas,
        duplicate_window: settings.duplicate_window,
        max_age: settings.max_age.unwrap_or_default(),
        max_messages: limit(settings.max_messages),
        max_bytes: limit(settings.max_bytes),
        discard: match settings.overflow {
            Overflow::DropOldest | Overflow::KeepNewest => DiscardPolicy::Old,
            _ => DiscardPolicy::New,
        },
        ..stream::Config::default()
    }
}

/// Dead letters are kept until somebody purges them, up to the same limits.
fn dead(waiting: &stream::Config) -> stream::Config {
    let name = dead_name(&waiting.name);
    stream::Config {
        subjects: vec![subject(&name)],
        name,
        retention: RetentionPolicy::Limits,
        max_age: Duration::ZERO,
        discard: DiscardPolicy::Old,
        ..waiting.clone()
    }
}

fn dead_name(stream: &str) -> String {
    format!("{stream}-dead")
}

fn subject(stream: &str) -> String {
    format!("{stream}.messages")
}

fn consumer(settings: &JetstreamSettings) -> pull::Config {
    pull::Config {
        durable_name: Some(CONSUMER.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: settings.ack_wait,
        // A spool counts the tries, and sets a message aside.
        max_deliver: -1,
        max_ack_pending: -1,
        ..pull::Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::without_secret;

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (url, shown) in [
            ("nats://host:4222", "nats://host:4222"),
            ("nats://user:p@ss@host:4222", "nats://host:4222"),
            ("tls://token@host", "tls://host"),
            ("host", "nats://host"),
        ] {
            assert_eq!(without_secret(url), shown);
        }
    }
}

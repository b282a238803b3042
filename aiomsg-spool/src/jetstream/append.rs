//! Storing messages.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use aiomsg_core::Weight;
use async_nats::HeaderMap;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use tokio::time::{Instant, sleep};

use super::headers;
use super::server::Server;
use crate::SpoolError;
use crate::store::{Entry, Usage};

/// The header with the peer, in hexadecimal digits.
pub(super) const PEER: &str = "Aiomsg-Peer";

/// The header with the reason of a dead letter.
pub(super) const REASON: &str = "Aiomsg-Reason";

/// How long messages are tried again, as while a server starts again, and the pause between.
/// The ids are the same, so the server stores none twice.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

impl Server {
    pub(super) async fn append(&self, entries: Vec<Entry>) -> Result<Usage, SpoolError> {
        let until = Instant::now() + PATIENCE;
        let subject = self.subject();
        let mut left = entries;
        loop {
            let (failed, error) = self.publish_all(&subject, left).await;
            let Some(error) = error else {
                return Ok(self.usage());
            };
            if is_full(&error) {
                return Err(SpoolError::Full {
                    limit: "the stream of the server".to_owned(),
                });
            }
            if Instant::now() >= until || self.is_closed() {
                return Err(self.failed(error));
            }
            tracing::debug!(%error, messages = failed.len(), "messages are stored once more");
            sleep(PAUSE).await;
            left = failed;
        }
    }

    /// Publishes messages, all of them before the first acknowledgement is awaited. Returns
    /// those that failed, and an error of one.
    async fn publish_all(
        &self,
        subject: &str,
        entries: Vec<Entry>,
    ) -> (Vec<Entry>, Option<PublishError>) {
        let mut acks = Vec::with_capacity(entries.len());
        let (mut failed, mut error) = (Vec::new(), None);
        let mut connection = self.connections.now();
        for entry in entries {
            let sent = self
                .context
                .send_publish(subject.to_owned(), message(&entry, None))
                .await;
            match sent {
                Ok(ack) => acks.push((entry, ack)),
                Err(new) => {
                    failed.push(entry);
                    error = Some(new);
                }
            }
        }
        let mut replaced = false;
        for (entry, ack) in acks {
            let mut ack = ack.into_future();
            let acked = tokio::select! {
                biased;
                acked = &mut ack => acked,
                // What the last server was told it may not have got.
                () = connection.replaced(), if !replaced => {
                    replaced = true;
                    Err(PublishErrorKind::BrokenPipe.into())
                }
                () = std::future::ready(()), if replaced => Err(PublishErrorKind::BrokenPipe.into()),
            };
            match acked {
                Ok(_) => {
                    self.messages.fetch_add(1, Relaxed);
                    self.bytes.fetch_add(entry.weight() as u64, Relaxed);
                }
                Err(new) => {
                    failed.push(entry);
                    error = Some(new);
                }
            }
        }
        (failed, error)
    }

    /// Stores a dead letter.
    pub(super) async fn publish_dead(&self, entry: &Entry, reason: &str) -> Result<(), SpoolError> {
        let message = message(entry, Some(reason));
        let sent = self
            .context
            .send_publish(self.dead_subject(), message)
            .await;
        let ack = sent.map_err(|error| self.failed(error))?;
        ack.await.map_err(|error| self.failed(error))?;
        Ok(())
    }
}

fn message(entry: &Entry, reason: Option<&str>) -> PublishMessage {
    let mut nats = HeaderMap::new();
    nats.insert(async_nats::header::NATS_MESSAGE_ID, entry.id.to_string());
    headers::put(&entry.headers, &mut nats);
    if let Some(peer) = &entry.peer {
        nats.insert(PEER, peer.to_string());
    }
    if let Some(reason) = reason {
        // A header is one line.
        nats.insert(REASON, reason.replace(['\r', '\n'], " "));
    }
    PublishMessage::build()
        .payload(entry.payload.clone())
        .headers(nats)
}

/// Whether a limit of the stream, or of the server, refuses more.
fn is_full(error: &PublishError) -> bool {
    let source = std::error::Error::source(error);
    let server = source.and_then(|it| it.downcast_ref::<async_nats::jetstream::Error>());
    server.is_some_and(|it| {
        matches!(
            it.error_code(),
            ErrorCode::STREAM_STORE_FAILED
                | ErrorCode::STORAGE_RESOURCES_EXCEEDED
                | ErrorCode::INSUFFICIENT_RESOURCES
        )
    })
}

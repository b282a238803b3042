//! Taking messages out.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aiomsg_core::{Headers, Identity, MessageId};
use async_nats::jetstream::Message;
use futures_util::StreamExt;
use tokio::time::{sleep, timeout};

use super::append::PEER;
use super::connections::ThisConnection;
use super::headers;
use super::held::Given;
use super::server::Server;
use crate::SpoolError;
use crate::store::{Entry, Stored};

/// How long the server holds the question for one message. A server that is killed meanwhile
/// does not answer it.
const EXPIRES: Duration = Duration::from_secs(2);

/// How much later than it promised the server may answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// The pause after an answer that failed, as while the server starts again.
const PAUSE: Duration = Duration::from_millis(200);

impl Server {
    pub(super) async fn next(&self, most: usize) -> Result<Vec<Stored>, SpoolError> {
        loop {
            tokio::select! {
                biased;
                () = self.closed() => return Err(SpoolError::Closed),
                taken = self.try_next(most) => match taken {
                    Ok(stored) if stored.is_empty() => {}
                    Ok(stored) => return Ok(stored),
                    Err(error) => {
                        tracing::debug!(%error, "messages are asked for once more");
                        sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    /// Takes what is there or, if there is nothing, waits for one message.
    async fn try_next(&self, most: usize) -> Result<Vec<Stored>, async_nats::Error> {
        let mut connection = self.connections.now();
        let there = self.consumer.fetch().max_messages(most).messages().await?;
        let stored = self.collect(there, &mut connection).await?;
        if !stored.is_empty() {
            return Ok(stored);
        }
        let one = self.consumer.batch().max_messages(1).expires(EXPIRES);
        self.collect(one.messages().await?, &mut connection).await
    }

    /// Takes the messages of one answer. What is noted is given out, whatever comes after it.
    async fn collect(
        &self,
        mut messages: impl futures_core::Stream<Item = Result<Message, async_nats::Error>> + Unpin,
        connection: &mut ThisConnection,
    ) -> Result<Vec<Stored>, async_nats::Error> {
        let mut stored = Vec::new();
        loop {
            let next = tokio::select! {
                biased;
                next = timeout(EXPIRES + PATIENCE, messages.next()) => next,
                // A server that was killed does not end its answer.
                () = connection.replaced() => break,
            };
            let Ok(Some(message)) = next else { break };
            match message.and_then(|message| self.hold(message)) {
                Ok(held) => stored.extend(held),
                Err(error) if stored.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(stored)
    }

    /// Notes a message. `None` if it is given out already.
    fn hold(&self, message: Message) -> Result<Option<Stored>, async_nats::Error> {
        let info = message.info()?;
        let (seq, delivered) = (info.stream_sequence, info.delivered);
        let entry = Entry {
            id: id_of(&message, seq),
            peer: peer_of(&message),
            headers: headers_of(&message, seq),
            payload: message.payload.clone(),
            at: SystemTime::from(info.published),
        };
        let (_, acker) = message.split();
        let given = Given {
            acker: Arc::new(acker),
            entry: entry.clone(),
        };
        let first = self.holding.lock().hold(seq, given);
        Ok(first.then(|| Stored {
            seq,
            tries: u32::try_from(delivered.saturating_sub(1)).unwrap_or(u32::MAX),
            entry,
        }))
    }
}

/// The id of a message. One that no spool has published gets one by its place.
fn id_of(message: &Message, seq: u64) -> MessageId {
    let headers = message.headers.as_ref();
    let text = headers.and_then(|it| it.get(async_nats::header::NATS_MESSAGE_ID));
    let own = text.and_then(|it| bytes_of(it.as_str()));
    let own = own.and_then(|it| <[u8; MessageId::LEN]>::try_from(it).ok());
    MessageId::from_bytes(own.unwrap_or_else(|| {
        let mut id = *b"in nats\0........";
        id[8..].copy_from_slice(&seq.to_be_bytes());
        id
    }))
}

fn peer_of(message: &Message) -> Option<Identity> {
    let text = message.headers.as_ref()?.get(PEER)?;
    Identity::new(bytes_of(text.as_str())?).ok()
}

/// The headers of a message. Only a stranger stores some that are none.
fn headers_of(message: &Message, seq: u64) -> Headers {
    let taken = message
        .headers
        .as_ref()
        .map_or(Ok(Headers::new()), headers::take);
    taken.unwrap_or_else(|error| {
        tracing::warn!(%error, seq, "a stored message is sent without its headers");
        Headers::new()
    })
}

/// The bytes of hexadecimal digits.
fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits
        .len()
        .is_multiple_of(2)
        .then(|| pairs.map(byte).collect())
        .flatten()
}

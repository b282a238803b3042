//! A message on its way to a peer, and what becomes of it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::{BoxError, Error, ErrorKind, MessageId, Outbound, Weight};
use pin_project::pin_project;

use crate::store::{Fate, Stored};

/// What is known of a message that is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) seq: u64,
    pub(super) id: MessageId,
    pub(super) tries: u32,
    pub(super) bytes: usize,
}

impl Sent {
    /// Makes a message of what was stored.
    pub(super) fn take(stored: Stored) -> (Self, Outbound) {
        let Stored { seq, tries, entry } = stored;
        let sent = Self {
            seq,
            id: entry.id,
            tries,
            bytes: entry.weight(),
        };
        let mut message = Outbound::new(entry.payload)
            .with_id(entry.id)
            .with_headers(entry.headers)
            .until_acked();
        if let Some(peer) = entry.peer {
            message = message.to(peer);
        }
        (sent, message)
    }
}

/// The future of the outcome of a message. It has no box of its own: there is one for each
/// message.
#[derive(Debug)]
#[pin_project]
pub(super) struct Sending<F> {
    sent: Sent,
    #[pin]
    answer: F,
}

impl<F> Sending<F> {
    pub(super) fn new(sent: Sent, answer: F) -> Self {
        Self { sent, answer }
    }
}

impl<F, T, E> Future for Sending<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = self.project();
        let answer = ready!(this.answer.poll(cx));
        Poll::Ready(Outcome {
            sent: *this.sent,
            error: answer.err().map(|it| Error::from_boxed(it.into())),
        })
    }
}

/// A message whose outcome is known.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) sent: Sent,
    pub(super) error: Option<Error>,
}

impl Outcome {
    /// What becomes of the message, which may be tried this often.
    pub(super) fn fate(&self, max_tries: u32) -> Fate {
        let Some(error) = &self.error else {
            return Fate::Done;
        };
        let tries = self.sent.tries.saturating_add(1);
        match error.kind() {
            // It stays in the store.
            ErrorKind::Closed => Fate::Returned,
            ErrorKind::TooLarge => Fate::Dead(error.chain().to_string()),
            _ if tries >= max_tries => Fate::Dead(error.chain().to_string()),
            _ => {
                tracing::debug!(error = %error.chain(), tries, "a stored message failed");
                Fate::Failed
            }
        }
    }
}

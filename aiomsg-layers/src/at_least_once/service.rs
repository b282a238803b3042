use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::{DropReason, Error, ErrorKind, Identity, MessageId, Outbound};
use pin_project::{pin_project, pinned_drop};
use tower::Service;

use super::Unacked;
use super::unacked::Outcome;

/// A service of messages that keeps each one until it is acknowledged. See the
/// [module](super).
#[derive(Debug)]
pub struct AtLeastOnce<S> {
    inner: S,
    unacked: Unacked,
    /// Whether there was room for another message when the last one came.
    room: bool,
}

impl<S> AtLeastOnce<S> {
    pub(super) fn new(inner: S, unacked: Unacked) -> Self {
        Self {
            inner,
            unacked,
            room: false,
        }
    }

    /// Ready when there is room for a message to this peer. One peer has at most three quarters
    /// of the unacknowledged messages. The message may then be given to [`Service::call`], if
    /// the inner service needs no readiness for it, such as
    /// [`ByIdentity`](crate::ByIdentity).
    pub fn poll_room_for(&self, cx: &mut Context<'_>, peer: &Identity) -> Poll<()> {
        self.unacked.poll_room(cx, Some(peer))
    }

    /// The unacknowledged messages.
    pub fn unacked(&self) -> &Unacked {
        &self.unacked
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Takes the service out.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone> Clone for AtLeastOnce<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.unacked.clone())
    }
}

impl<S> Service<Outbound> for AtLeastOnce<S>
where
    S: Service<Outbound, Response = (), Error: From<Error>>,
{
    type Response = ();
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // First, so that messages further in move while there is no room here.
        let inner = self.inner.poll_ready(cx);
        if !self.room {
            ready!(self.unacked.poll_room(cx, None));
            self.room = true;
        }
        inner
    }

    #[inline]
    fn call(&mut self, mut message: Outbound) -> Self::Future {
        let Some(inserted) = self.unacked.insert(&mut message) else {
            let refused = Error::new(ErrorKind::Closed).with_message(message);
            return ResponseFuture {
                accepting: None,
                outcome: None,
                pending: None,
                refused: Some(refused),
            };
        };
        self.room = inserted.room;
        let kept = Kept {
            id: inserted.id,
            unacked: &self.unacked,
        };
        let accepting = self.inner.call(message);
        std::mem::forget(kept);
        ResponseFuture {
            accepting: Some(accepting),
            outcome: inserted.outcome,
            pending: Some((inserted.id, self.unacked.clone())),
            refused: None,
        }
    }
}

impl<S> AtLeastOnce<S>
where
    S: Service<Outbound, Response = (), Error: From<Error>, Future: Unpin>,
{
    /// Calls the service, and polls the future once. The future is returned if it is pending.
    ///
    /// Most messages are accepted at once. A future that outlives the call holds on to the
    /// unacknowledged messages, which costs two atomic operations.
    ///
    /// # Errors
    ///
    /// Those of the future.
    #[inline]
    pub fn call_and_poll(
        &mut self,
        mut message: Outbound,
        cx: &mut Context<'_>,
    ) -> Result<Option<ResponseFuture<S::Future>>, S::Error> {
        let Some(inserted) = self.unacked.insert(&mut message) else {
            return Err(Error::new(ErrorKind::Closed).with_message(message).into());
        };
        self.room = inserted.room;
        let kept = Kept {
            id: inserted.id,
            unacked: &self.unacked,
        };
        let mut accepting = self.inner.call(message);
        let accepted = Pin::new(&mut accepting).poll(cx);
        std::mem::forget(kept);
        let pending = match accepted {
            Poll::Ready(Ok(())) if inserted.outcome.is_none() => return Ok(None),
            Poll::Ready(Err(error)) if self.unacked.forget(inserted.id) => return Err(error),
            // A message that was closed meanwhile is in the report only.
            Poll::Ready(_) => None,
            Poll::Pending => Some(accepting),
        };
        let is_accepted = pending.is_none();
        let mut future = ResponseFuture {
            accepting: pending,
            outcome: inserted.outcome,
            pending: Some((inserted.id, self.unacked.clone())),
            refused: None,
        };
        if is_accepted && let Poll::Ready(acknowledged) = Pin::new(&mut future).poll(cx) {
            return acknowledged.map(|()| None);
        }
        Ok(Some(future))
    }
}

/// Forgets a message when it is dropped, as its future does: a panic of the service inside is the
/// sender's error.
struct Kept<'a> {
    id: MessageId,
    unacked: &'a Unacked,
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.unacked.forget(self.id);
    }
}

/// The future of [`AtLeastOnce`]: ready when the message is accepted or, with
/// [`until_acked`](Outbound::until_acked), when it is acknowledged. If it is dropped before
/// that, the message is not sent, or not sent again.
#[derive(Debug)]
#[pin_project(PinnedDrop)]
pub struct ResponseFuture<F> {
    #[pin]
    accepting: Option<F>,
    outcome: Option<Outcome>,
    pending: Option<(MessageId, Unacked)>,
    /// It came after the close.
    refused: Option<Error>,
}

impl<F, E> ResponseFuture<F>
where
    F: Future<Output = Result<(), E>>,
    E: From<Error>,
{
    /// Ready when the message is accepted, also if the future waits for its acknowledgement.
    /// Unless it has failed, poll the future afterwards.
    ///
    /// # Errors
    ///
    /// When the message was not accepted.
    #[inline]
    pub fn poll_accepted(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let mut this = self.project();
        if let Some(error) = this.refused.take() {
            return Poll::Ready(Err(error.into()));
        }
        if let Some(accepting) = this.accepting.as_mut().as_pin_mut() {
            let accepted = ready!(accepting.poll(cx));
            this.accepting.set(None);
            if let Err(error) = accepted
                && let Some((id, unacked)) = this.pending.take()
                && unacked.forget(id)
            {
                return Poll::Ready(Err(error));
            }
            // A message that was closed meanwhile is in the report only.
        }
        Poll::Ready(Ok(()))
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<(), E>>,
    E: From<Error>,
{
    type Output = Result<(), E>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(self.as_mut().poll_accepted(cx))?;
        let this = self.project();
        if let Some(outcome) = this.outcome {
            let outcome = ready!(Pin::new(outcome).poll(cx));
            *this.pending = None;
            return Poll::Ready(match outcome {
                Ok(Ok(())) => Ok(()),
                Ok(Err((message, reason))) => {
                    let kind = match reason {
                        DropReason::TooLarge => ErrorKind::TooLarge,
                        DropReason::Overflow => ErrorKind::Limit,
                        _ => ErrorKind::Timeout,
                    };
                    let error = Error::new(kind).with_reason(reason.to_string());
                    Err(error.with_message(message).into())
                }
                // It is in the report, among the unacknowledged ones.
                Err(_) => Err(Error::new(ErrorKind::Closed).into()),
            });
        }
        *this.pending = None;
        Poll::Ready(Ok(()))
    }
}

#[pinned_drop]
impl<F> PinnedDrop for ResponseFuture<F> {
    fn drop(self: Pin<&mut Self>) {
        if let Some((id, unacked)) = self.project().pending.take() {
            unacked.forget(id);
        }
    }
}

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::{Error, ErrorKind, Identity, Outbound};
use pin_project::pin_project;

use super::post_office::{Placed, PostOffice};
use crate::line::Place;
use crate::overflow::refused;
use crate::queue::Peer;

/// The future of [`ByIdentity`](super::ByIdentity). For an addressed message, it is ready when
/// the message is in the queue of its peer, or in its mailbox. If it is dropped before that,
/// the message is not sent.
#[pin_project]
pub struct ByIdentityFuture<F, P: Peer + Clone>(#[pin] Sending<F, P>);

#[pin_project(project = Project)]
enum Sending<F, P: Peer + Clone> {
    Inner(#[pin] F),
    Done(Option<Result<(), Error>>),
    /// Boxed, as it is large, and most messages do not wait.
    Waiting(Box<Waiting<P>>),
}

/// A sender in the line of one peer. It holds this place, and not the stack.
struct Waiting<P: Peer + Clone> {
    office: PostOffice<P>,
    identity: Identity,
    /// `None` when it has left the line.
    place: Option<Place>,
    message: Option<Outbound>,
}

impl<F, P: Peer + Clone> ByIdentityFuture<F, P> {
    #[inline]
    pub(super) fn inner(future: F) -> Self {
        Self(Sending::Inner(future))
    }

    #[inline]
    pub(super) fn sent() -> Self {
        Self(Sending::Done(Some(Ok(()))))
    }

    pub(super) fn placed(
        office: &PostOffice<P>,
        identity: Identity,
        (placed, place): (Placed, Option<Place>),
    ) -> Self {
        Self(match done(placed) {
            Ok(result) => Sending::Done(Some(result)),
            Err(message) => Sending::Waiting(Box::new(Waiting {
                office: office.clone(),
                identity,
                place,
                message: Some(message),
            })),
        })
    }
}

/// The end of it, or the message that waits.
fn done(placed: Placed) -> Result<Result<(), Error>, Outbound> {
    Ok(match placed {
        Placed::Done => Ok(()),
        Placed::Refused(message) => Err(refused(message)),
        Placed::Closed(message) => Err(Error::new(ErrorKind::Closed).with_message(message)),
        Placed::Waits(message) => return Err(message),
    })
}

impl<P: Peer + Clone> Waiting<P> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let (Some(place), Some(message)) = (&mut self.place, self.message.take()) else {
            return Poll::Pending;
        };
        match done(self.office.poll_place(cx, &self.identity, place, message)) {
            Ok(result) => {
                self.leave();
                Poll::Ready(result)
            }
            Err(message) => {
                self.message = Some(message);
                Poll::Pending
            }
        }
    }

    fn leave(&mut self) {
        if self.place.take().is_some() {
            self.office.left(&self.identity);
        }
    }
}

impl<P: Peer + Clone> Drop for Waiting<P> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<F, P, E> Future for ByIdentityFuture<F, P>
where
    F: Future<Output = Result<(), E>>,
    P: Peer + Clone,
    E: From<Error>,
{
    type Output = Result<(), E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().0.project() {
            Project::Inner(future) => future.poll(cx),
            // It was ready before.
            Project::Done(result) => result.take().map_or(Poll::Pending, |result| {
                Poll::Ready(result.map_err(Into::into))
            }),
            Project::Waiting(waiting) => waiting.poll(cx).map_err(Into::into),
        }
    }
}

impl<F, P: Peer + Clone> fmt::Debug for ByIdentityFuture<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByIdentityFuture")
    }
}

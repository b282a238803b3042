//! The spans of the socket itself, at the level DEBUG: one for each dial, accepted
//! connection, handshake and session. There is none for a message.
//!
//! | span | from, to | fields |
//! |---|---|---|
//! | `dial` | a try to connect, to its admission or failure | `endpoint` |
//! | `accept` | an accepted connection, to its admission or failure | `endpoint`, `remote` |
//! | `handshake` | the exchange of identities, within one of these | |
//! | `session` | an admitted connection, to its end | `peer`, `endpoint`, `dialled` |
//!
//! Their target is `aiomsg::spans`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::Endpoint;
use aiomsg_layers::shared::catch;
use pin_project::{pin_project, pinned_drop};
use tracing::{Span, debug_span};

use super::peer::PeerInfo;

const TARGET: &str = "aiomsg::spans";

/// Of a try to connect.
pub(crate) fn dial(endpoint: &Endpoint) -> Span {
    made(|| debug_span!(target: TARGET, "dial", %endpoint))
}

/// Of a connection that was accepted.
pub(crate) fn accept(endpoint: &Endpoint, remote: &dyn std::fmt::Display) -> Span {
    made(|| debug_span!(target: TARGET, "accept", %endpoint, %remote))
}

/// Of the exchange of identities.
pub(crate) fn handshake() -> Span {
    made(|| debug_span!(target: TARGET, "handshake"))
}

/// Of a connection that is admitted.
pub(crate) fn session(peer: &PeerInfo) -> Span {
    made(|| {
        debug_span!(
            target: TARGET,
            "session",
            peer = %peer.identity.short(),
            endpoint = %peer.endpoint,
            dialled = peer.dialled,
        )
    })
}

const WHO: &str = "the subscriber of spans";

/// A subscriber that panics must not end a task of the socket.
fn made(span: impl FnOnce() -> Span) -> Span {
    catch(WHO, span).unwrap_or_else(|_| Span::none())
}

/// A future within a span.
pub(crate) trait WithinSpan: Future + Sized {
    /// Enters the span for each poll, and ends it with the future. A span that nobody
    /// listens to costs a look at a field.
    fn within(self, span: Span) -> Within<Self> {
        let span = (!span.is_none()).then_some(span);
        Within { inner: self, span }
    }
}

impl<F: Future> WithinSpan for F {}

/// The future of [`WithinSpan::within`].
#[pin_project(PinnedDrop)]
pub(crate) struct Within<F> {
    #[pin]
    inner: F,
    span: Option<Span>,
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let Some(span) = this.span else {
            return this.inner.poll(cx);
        };
        let entered = catch(WHO, || span.enter());
        let result = this.inner.poll(cx);
        let _ = catch(WHO, || drop(entered));
        result
    }
}

#[pinned_drop]
impl<F> PinnedDrop for Within<F> {
    fn drop(self: Pin<&mut Self>) {
        let span = self.project().span.take();
        let _ = catch(WHO, || drop(span));
    }
}

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::BoxError;
use pin_project::pin_project;

use super::rule::Rules;
use crate::Io;

/// The future of a [`CertifiedIdentity`](super::CertifiedIdentity): the connection of the
/// inner service, with a check of the identity that the peer will claim.
#[pin_project]
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct CertifiedIdentityFuture<F> {
    #[pin]
    inner: F,
    rules: Rules,
}

impl<F> CertifiedIdentityFuture<F> {
    pub(super) fn new(inner: F, rules: Rules) -> Self {
        Self { inner, rules }
    }
}

impl<F, E> Future for CertifiedIdentityFuture<F>
where
    F: Future<Output = Result<Io, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Io, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let io = ready!(this.inner.poll(cx)).map_err(Into::into)?;
        let certificate = io.info().certificate().cloned();
        this.rules.admit(certificate.as_ref())?;
        let rules = this.rules.clone();
        Poll::Ready(Ok(io.with_identity_check(move |identity| {
            rules.check(certificate.as_ref(), identity)
        })))
    }
}

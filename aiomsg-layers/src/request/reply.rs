use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::{BoxError, Delivery, Error};
use bytes::Bytes;
use pin_project::pin_project;
use tower::{Layer, Service};

use super::RequestId;

/// Puts [`Reply`] around a service that answers payloads.
///
/// ```
/// use aiomsg_core::{Delivery, Error, Identity};
/// use aiomsg_layers::ReplyLayer;
/// use bytes::Bytes;
/// use tower::{Layer, Service, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// let length = service_fn(|payload: Bytes| async move {
///     Ok::<_, Error>(payload.len().to_string())
/// });
/// let mut server = ReplyLayer::new().layer(length);
///
/// let request = Delivery::new(Identity::random(), "7\0how long is this?");
/// let answer = server.ready().await?.call(request).await?;
/// assert_eq!(answer, "7\x0017"); // for the peer that asked
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ReplyLayer {}

impl ReplyLayer {
    /// The layer; there is nothing to set.
    pub fn new() -> Self {
        Self {}
    }
}

impl<S> Layer<S> for ReplyLayer {
    type Service = Reply<S>;

    fn layer(&self, inner: S) -> Reply<S> {
        Reply { inner }
    }
}

/// A service that answers requests: it takes the id off a request, calls the inner service
/// with the payload, and puts the id before the answer. See the [module](super).
///
/// The bytes before the first zero byte are the id. The zero byte must be among the first
/// 64 bytes. The id is sent back unchanged.
///
/// # Errors
///
/// - [`Error::is_payload`], with the peer, if the message is no request.
/// - The error of the inner service. A socket that serves answers with the text of
///   this error, if the peer understands such an answer: see [`failure`](super::failure).
///   Otherwise the peer gets no answer, and waits until its time is up.
#[derive(Debug, Clone)]
pub struct Reply<S> {
    inner: S,
}

impl<S> Reply<S> {
    /// Returns a reference to the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S> Service<Delivery> for Reply<S>
where
    S: Service<Bytes, Response: Into<Bytes>, Error: Into<BoxError>>,
{
    type Response = Bytes;
    type Error = Error;
    type Future = ReplyFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let ready = self.inner.poll_ready(cx);
        ready.map_err(|error| Error::from_boxed(error.into()))
    }

    fn call(&mut self, message: Delivery) -> Self::Future {
        match RequestId::split(message) {
            Ok((id, request)) => {
                let answering = self.inner.call(request.into_payload());
                ReplyFuture(Stage::Answering(answering, id))
            }
            Err(error) => ReplyFuture(Stage::Refused(Some(error))),
        }
    }
}

/// The future of [`Reply`]: ready when the request is answered.
#[derive(Debug)]
#[pin_project]
pub struct ReplyFuture<F>(#[pin] Stage<F>);

#[derive(Debug)]
#[pin_project(project = StageProject)]
enum Stage<F> {
    /// With the id of the request.
    Answering(#[pin] F, RequestId),
    Refused(Option<Error>),
}

impl<F, T, E> Future for ReplyFuture<F>
where
    F: Future<Output = Result<T, E>>,
    T: Into<Bytes>,
    E: Into<BoxError>,
{
    type Output = Result<Bytes, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().0.project() {
            StageProject::Answering(answering, id) => {
                let answer = ready!(answering.poll(cx));
                Poll::Ready(match answer {
                    Ok(answer) => Ok(id.answer(&answer.into())),
                    Err(error) => Err(Error::from_boxed(error.into())),
                })
            }
            // Polled again after it was ready: there is nothing to wait for.
            StageProject::Refused(error) => {
                error.take().map_or(Poll::Pending, |e| Poll::Ready(Err(e)))
            }
        }
    }
}

use std::task::{Context, Poll, ready};

use aiomsg_core::{BoxError, Error, Headers, Identity, Outbound, Target};
use bytes::Bytes;
use tower::Service;

use super::{RequestFuture, Requests, header};

/// A service that sends a request and returns its answer. See the
/// [module](super).
///
/// It is ready when there is room in the table of pending requests, and the inner service
/// is ready.
///
/// # Errors
///
/// - The error of the inner service, if the request could not be sent.
///   [`Error::take_message`] returns the request without its id, so that it can be made
///   again.
/// - [`Error::is_timeout`], if there was no answer in time. The request comes back if it
///   was not sent; if it was, it may have been handled.
/// - [`Error::is_closed`], if no answer can arrive any more, because the socket is closed
///   or its runtime has ended.
///
/// # Panics
///
/// `call` panics outside of a tokio runtime that has its time enabled.
#[derive(Debug, Clone)]
pub struct Request<S> {
    inner: S,
    requests: Requests,
    target: Target,
    headers: Headers,
}

impl<S> Request<S> {
    pub(super) fn new(inner: S, requests: Requests) -> Self {
        Self {
            inner,
            requests,
            target: Target::Any,
            headers: Headers::new(),
        }
    }

    /// Asks one peer. Without this, any peer that gets the message may answer. If all
    /// peers get it, the first answer counts, and the others are late.
    ///
    /// ```
    /// use aiomsg_core::{Error, Identity, Outbound};
    /// use aiomsg_layers::request::Requests;
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
    /// let peer = Identity::random();
    /// let asked = peer.clone();
    /// let sending = service_fn(move |request: Outbound| {
    ///     assert_eq!(request.peer(), Some(&asked));
    ///     async { Ok::<_, Error>(()) }
    /// });
    ///
    /// let requests = Requests::new().timeout(std::time::Duration::from_millis(10));
    /// let ask = requests.layer().layer(sending).to(peer);
    /// assert!(ask.oneshot("anyone there?".into()).await.is_err_and(|error| error.is_timeout()));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn to(mut self, peer: impl Into<Identity>) -> Self {
        self.target = Target::Peer(peer.into());
        self
    }

    /// Sends these headers with each request.
    #[must_use]
    pub fn with_headers(mut self, headers: Headers) -> Self {
        self.headers = headers;
        self
    }
}

impl<S> Request<S> {
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

impl<S> Service<Bytes> for Request<S>
where
    S: Service<Outbound, Error: Into<BoxError>>,
{
    type Response = Bytes;
    type Error = Error;
    type Future = RequestFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.requests.pending.poll_room(cx));
        let ready = self.inner.poll_ready(cx);
        ready.map_err(|error| Error::from_boxed(error.into()))
    }

    fn call(&mut self, payload: Bytes) -> Self::Future {
        let mut message = Outbound::new(payload)
            .with_target(self.target.clone())
            .with_headers(self.headers.clone());
        let ticket = self.requests.pending.insert(message.peer().cloned());
        let request = header::join(ticket.id(), message.payload());
        message = message.with_payload(request);
        let sending = self.inner.call(message.clone());
        RequestFuture::new(sending, message, ticket, self.requests.timeout)
    }
}

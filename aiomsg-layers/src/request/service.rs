use std::task::{Context, Poll, ready};

use aiomsg_core::{BoxError, Error, Headers, Identity, Outbound, Target};
use bytes::Bytes;
use tower::Service;

use super::names::{DEADLINE, ROUTE};
use super::{RequestFuture, Requests, deadline, id};

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
/// - [`Error::is_unhandled`], if the peer did not handle the request. The
///   [`reason`](Error::reason) is that of the peer, which it may hide.
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
    /// All requests, but for their payloads.
    template: Outbound,
}

impl<S> Request<S> {
    pub(super) fn new(inner: S, requests: Requests) -> Self {
        let mut template = Outbound::new(Bytes::new());
        if requests.deadlines {
            template = template.header(DEADLINE, &deadline::value(requests.timeout));
        }
        Self {
            inner,
            requests,
            template,
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
        self.template = self.template.with_target(Target::Peer(peer.into()));
        self
    }

    /// Asks for what the peer has a handler of this name for: the header
    /// [`ROUTE`](super::names::ROUTE) of the requests.
    ///
    /// ```
    /// use aiomsg_core::{Error, Outbound};
    /// use aiomsg_layers::request::{Requests, names};
    /// use std::time::Duration;
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
    /// let sending = service_fn(|request: Outbound| {
    ///     assert_eq!(request.headers().get(names::ROUTE), Some("orders.create"));
    ///     async { Ok::<_, Error>(()) }
    /// });
    /// let requests = Requests::new().timeout(Duration::from_millis(10));
    /// let create = requests.layer().layer(sending).route("orders.create");
    /// assert!(create.oneshot("two".into()).await.is_err_and(|error| error.is_timeout()));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn route(self, route: &str) -> Self {
        self.header(ROUTE, route)
    }

    /// Adds a header to the requests. It replaces the one of the same name. With one that
    /// cannot be sent, requests fail: see [`Outbound::header`].
    ///
    /// The [deadline](super::names::DEADLINE) stays that of this request's timeout, if it has
    /// one: that of a request which is passed on says how long somebody else waits.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if self.requests.deadlines && name.eq_ignore_ascii_case(DEADLINE) {
            return self;
        }
        self.template = self.template.header(name, value);
        self
    }

    /// Adds these headers to the requests, as [`header`](Request::header) does.
    #[must_use]
    pub fn with_headers(self, headers: &Headers) -> Self {
        headers
            .iter()
            .fold(self, |request, (name, value)| request.header(name, value))
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
        let peer = self.template.peer().cloned();
        let ticket = self.requests.pending.insert(peer);
        let request = id::join(ticket.id(), &payload);
        let message = self.template.clone().with_payload(request);
        let sending = self.inner.call(message.clone());
        RequestFuture::new(sending, message, ticket, self.requests.timeout)
    }
}

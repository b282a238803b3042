//! A handler for each kind of request.

mod future;
mod reply;
mod route;
mod routes;

use std::fmt;
use std::task::{Context, Poll};

use aiomsg_core::{BoxError, Delivery, Error, ErrorKind, Headers, IntoReply};
use aiomsg_layers::request::RequestId;
use aiomsg_layers::request::names::ROUTE;
use tower::Service;

use crate::socket::serve::handler::Handler;
use route::Route;
use routes::Routes;

pub use future::RouterFuture;
pub use reply::RouterReply;

/// A service of requests that chooses the handler of each by its route: the header
/// [`aiomsg-route`](crate::receive::names::ROUTE).
///
/// A request comes from [`Requests`](crate::layer::Requests), whose services
/// [have a route](crate::parts::layers::request::Request::route), or from any peer that sends
/// an id, a zero byte and a payload. A handler gets the payload without the id, and its reply
/// is the answer. A handler without a reply is answered for with an empty payload.
///
/// ```
/// use aiomsg::layer::Requests;
/// use aiomsg::receive::Router;
/// use aiomsg::{Delivery, Error, Socket};
/// use tower::{Layer, ServiceExt};
///
/// async fn create(order: Delivery) -> String {
///     format!("created {} bytes", order.payload().len())
/// }
///
/// async fn cancel(_: Delivery) -> Result<(), &'static str> {
///     Err("it is on its way")
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
/// let server = Socket::new()?;
/// let endpoint = server.bind("127.0.0.1:0").await?;
/// let router = Router::new()
///     .route("orders.create", create)
///     .route("orders.cancel", cancel);
/// tokio::spawn(server.serve(router));
///
/// let requests = Requests::new();
/// let client = Socket::builder().receive_layer(requests.answers()).build()?;
/// client.connect(endpoint)?;
/// let orders = requests.layer().layer(client.clone());
///
/// let create = orders.clone().route("orders.create");
/// assert_eq!(create.oneshot("two".into()).await?, "created 3 bytes");
///
/// let error = orders.clone().route("orders.cancel").oneshot("".into()).await.unwrap_err();
/// assert!(error.is_unhandled());
/// assert_eq!(error.reason(), Some("it is on its way"));
///
/// let error = orders.route("orders.list").oneshot("".into()).await.unwrap_err();
/// assert_eq!(error.reason(), Some(r#"there is no route "orders.list""#));
/// # Ok(()) }
/// ```
///
/// A handler is an async function of a [`Delivery`] or, with the feature `json`, of a `Json`,
/// or any [`tower::Service`] of a [`Delivery`], which can be cloned. Layers go around one
/// handler, or around the router, with [`tower::ServiceBuilder`].
///
/// The router is always ready, and calls a clone of the handler when that is ready: a handler
/// that waits holds up no other. The messages that wait count among those that
/// [`serve`](crate::Socket::serve) handles at once. A request whose
/// [deadline](crate::receive::names::DEADLINE) passes while it waits is not handled, and has no
/// reply.
///
/// # Errors
///
/// The error of the handler, and
///
/// - [`Error::is_payload`] when the message is no request;
/// - [`Error::is_unhandled`] when there is no handler for it. The reason names the route.
#[derive(Clone, Default)]
pub struct Router {
    routes: Routes,
    fallback: Option<Route>,
    by_topic: bool,
    one_way: bool,
}

impl Router {
    /// A router without routes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the handler of a route. Routes are compared as a whole, byte by byte.
    ///
    /// # Panics
    ///
    /// When the route has a handler, and when it has a control character or more than 65,535
    /// bytes, so that no header can have it.
    #[must_use]
    #[track_caller]
    pub fn route<M, H>(mut self, route: &str, handler: H) -> Self
    where
        H: Handler<M>,
        H::Service: Service<Delivery, Response: IntoReply, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + 'static,
    {
        self.routes.add(route, Route::new(handler.into_service()));
        self
    }

    /// Sets the handler of messages without a route, or with one that has no handler. Without
    /// it, their senders get an error.
    ///
    /// # Panics
    ///
    /// When there is a fallback.
    #[must_use]
    #[track_caller]
    pub fn fallback<M, H>(mut self, handler: H) -> Self
    where
        H: Handler<M>,
        H::Service: Service<Delivery, Response: IntoReply, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + 'static,
    {
        self.set_fallback(Route::new(handler.into_service()));
        self
    }

    /// Adds the routes of another router, each behind a prefix: in `nest("orders.", orders)`,
    /// its route `create` is `orders.create`. Its settings do not count.
    ///
    /// # Panics
    ///
    /// As for [`route`](Router::route), and when the other router has a fallback.
    #[must_use]
    #[track_caller]
    pub fn nest(mut self, prefix: &str, router: Router) -> Self {
        assert!(
            router.fallback.is_none(),
            "the router of {prefix:?} has a fallback, which would have no routes of its own"
        );
        for (route, handler) in router.routes {
            self.routes.add(&format!("{prefix}{route}"), handler);
        }
        self
    }

    /// Adds the routes of another router, and its fallback. Its settings do not count.
    ///
    /// # Panics
    ///
    /// As for [`route`](Router::route), and when both have a fallback.
    #[must_use]
    #[track_caller]
    pub fn merge(mut self, router: Router) -> Self {
        for (route, handler) in router.routes {
            self.routes.add(&route, handler);
        }
        if let Some(fallback) = router.fallback {
            self.set_fallback(fallback);
        }
        self
    }

    /// Routes a message without the header by its topic: the longest route with which its
    /// payload begins. The handler gets the whole payload. Peers without headers, such as
    /// those of the 2019 dialect, are routed this way.
    #[must_use]
    pub fn by_topic(mut self) -> Self {
        self.by_topic = true;
        self
    }

    /// Handles messages instead of requests: a handler gets the whole payload, and its reply
    /// goes back as it is, without an id.
    #[must_use]
    pub fn one_way(mut self) -> Self {
        self.one_way = true;
        self
    }

    #[track_caller]
    fn set_fallback(&mut self, fallback: Route) {
        assert!(self.fallback.is_none(), "the router has two fallbacks");
        self.fallback = Some(fallback);
    }

    fn find(&self, message: &Delivery) -> Result<&Route, Error> {
        let named = message.headers().get(ROUTE);
        let found = match named {
            Some(route) => self.routes.of(route),
            None if self.by_topic => self.routes.of_topic(message.payload()),
            None => None,
        };
        found.or(self.fallback.as_ref()).ok_or_else(|| {
            let reason = match named {
                Some(route) => format!("there is no route {}", shown(route)),
                None if self.by_topic => "there is no route for this topic".to_owned(),
                None => format!("it has no route: the header {ROUTE} is missing"),
            };
            Error::new(ErrorKind::Unhandled).with_reason(reason)
        })
    }
}

/// A route of a peer may be of any length.
fn shown(route: &str) -> String {
    match route.char_indices().nth(64) {
        Some((end, _)) => format!("{:?}…", &route[..end]),
        None => format!("{route:?}"),
    }
}

/// Says why no message can have this route.
fn check(route: &str) -> Result<(), Error> {
    Headers::new().insert(ROUTE, route)
}

impl Service<Delivery> for Router {
    type Response = RouterReply;
    type Error = BoxError;
    type Future = RouterFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, message: Delivery) -> RouterFuture {
        let (id, message) = match self.one_way {
            true => (None, message),
            false => match RequestId::split(message) {
                Ok((id, message)) => (Some(id), message),
                Err(error) => return RouterFuture::refused(error),
            },
        };
        match self.find(&message) {
            Ok(route) => RouterFuture::handling(route.handle(message, id.is_some()), id),
            Err(error) => RouterFuture::refused(error.with_peer(message.from().clone())),
        }
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("routes", &self.routes)
            .field("fallback", &self.fallback.is_some())
            .field("by_topic", &self.by_topic)
            .field("one_way", &self.one_way)
            .finish()
    }
}

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::task::{Context, Poll};

use tower::{Layer, Service};

use super::WebSocketGuard;
use super::accept::AcceptingFuture;
use crate::Io;

/// An accept layer for peers that connect by WebSocket, on the same port as raw ones. See the
/// [module](super).
///
/// What is no upgrade, or is not allowed by the [`WebSocketGuard`], is answered with an HTTP
/// status, and the connection ends with an error that says why.
///
/// A peer is waited for: nothing is sent before its first byte. One that is silent for a second
/// is taken for a raw one.
///
/// ```
/// use aiomsg_transport::websocket::{WebSocketGuard, WebSocketLayer};
/// use aiomsg_transport::Acceptor;
/// use tower::ServiceBuilder;
///
/// let guard = WebSocketGuard::new().origins(["https://example.org"]).path("/jobs");
/// let accept = ServiceBuilder::new()
///     .layer(WebSocketLayer::new(guard))
///     .service(Acceptor::new());
/// # drop(accept);
/// ```
#[derive(Debug, Clone, Default)]
pub struct WebSocketLayer {
    guard: Arc<WebSocketGuard>,
}

/// The service of a [`WebSocketLayer`], around one whose response is an [`Io`].
#[derive(Debug, Clone)]
pub struct WebSockets<S> {
    inner: S,
    guard: Arc<WebSocketGuard>,
}

impl WebSocketLayer {
    /// Accepts the upgrades that the guard allows.
    pub fn new(guard: WebSocketGuard) -> Self {
        Self {
            guard: Arc::new(guard),
        }
    }
}

impl<S> WebSockets<S> {
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

impl<S> Layer<S> for WebSocketLayer {
    type Service = WebSockets<S>;

    fn layer(&self, inner: S) -> WebSockets<S> {
        WebSockets {
            inner,
            guard: Arc::clone(&self.guard),
        }
    }
}

impl<S, R> Service<R> for WebSockets<S>
where
    S: Service<R, Response = Io>,
{
    type Response = Io;
    type Error = S::Error;
    type Future = AcceptingFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        AcceptingFuture::new(self.inner.call(request), Arc::clone(&self.guard))
    }
}

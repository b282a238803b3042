//! Bounds of the layers around the paths of a socket.
//!
//! These traits are names for bounds, and implement themselves for every type that
//! meets the bounds. They keep compiler errors short, and a generic function that takes
//! a layer needs only one of them.

use aiomsg_core::{BoxError, Connection, Delivery, Endpoint, Outbound};
use aiomsg_transport::{Incoming, Io};
use tower::{Layer, Service};

use crate::engine::path::{AcceptPath, DialPath, ReceivePath};
use crate::engine::peer_connection::PeerConnection;
use crate::send::StandardSend;

// ===== send =====

/// A service that sends the messages of a socket.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the send path of a socket",
    label = "this is what a layer makes of the send path",
    note = "a layer of `SocketBuilder::layer` must make a `Service<Outbound>` of a \
            `Service<Outbound>`, whose error is `Into<BoxError>` and whose future is `Send`",
    note = "a layer around received messages goes to `receive_layer`, one around frames to \
            `connection_layer`, one around connecting to `dial_layer` or `accept_layer`",
    note = "in a generic function, `L: aiomsg::layer::SendLayer` is all that is to be asked of a \
            layer, and `S: aiomsg::layer::SendService` of the `S` of a `Socket<S>`",
    note = "`SocketBuilder::build_boxed` builds a socket with layers whose type has a name: \
            `Socket<aiomsg::send::BoxedSend>`"
)]
pub trait SendService: Service<Outbound, Error: Into<BoxError>, Future: Send> + 'static {}

#[diagnostic::do_not_recommend]
impl<S> SendService for S where S: Service<Outbound, Error: Into<BoxError>, Future: Send> + 'static {}

/// A layer around the send path. This function takes any of them:
///
/// ```
/// use aiomsg::layer::SendLayer;
/// use aiomsg::{Error, Socket};
/// use std::time::Duration;
///
/// fn open<L: SendLayer>(layer: L) -> Result<Socket<L::Service>, Error> {
///     Socket::builder().layer(layer).build()
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
/// let socket = open(tower::limit::RateLimitLayer::new(10, Duration::from_secs(1)))?;
/// # Ok(()) }
/// ```
pub trait SendLayer: Layer<StandardSend, Service: SendService + Send> {}

impl<L> SendLayer for L where L: Layer<StandardSend, Service: SendService + Send> {}

// ===== receive =====

/// A service that receives the messages of a socket.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the receive path of a socket",
    label = "this is what a layer makes of the receive path",
    note = "a layer of `SocketBuilder::receive_layer` must make a `Service<Delivery>` of a \
            `Service<Delivery>`, whose error is `Into<BoxError>` and whose future is `Send`",
    note = "a layer around messages that are sent goes to `layer`, one around frames to \
            `connection_layer`, one around connecting to `dial_layer` or `accept_layer`",
    note = "in a generic function, `L: aiomsg::layer::ReceiveLayer` is all that is to be asked of a \
            layer"
)]
pub trait ReceiveService: Service<Delivery, Error: Into<BoxError>, Future: Send> + 'static {}

#[diagnostic::do_not_recommend]
impl<S> ReceiveService for S where
    S: Service<Delivery, Error: Into<BoxError>, Future: Send> + 'static
{
}

/// A layer around the receive path.
pub trait ReceiveLayer:
    Layer<ReceivePath, Service: ReceiveService + Send> + Send + 'static
{
}

impl<R> ReceiveLayer for R where
    R: Layer<ReceivePath, Service: ReceiveService + Send> + Send + 'static
{
}

// ===== connections =====

/// A layer around each connection.
pub trait ConnectionLayer:
    Layer<PeerConnection, Service: Connection + 'static> + Send + Sync + 'static
{
}

impl<C> ConnectionLayer for C where
    C: Layer<PeerConnection, Service: Connection + 'static> + Send + Sync + 'static
{
}

// ===== dial =====

/// A service that connects.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the dial path of a socket",
    label = "this is what a layer makes of the dial path",
    note = "a layer of `SocketBuilder::dial_layer` must make a `Service<Endpoint, Response = Io>` \
            of a `Service<Endpoint, Response = Io>`, whose error is `Into<BoxError>` and whose \
            future is `Send + 'static`"
)]
pub trait DialService:
    Service<Endpoint, Response = Io, Error: Into<BoxError>, Future: Send + 'static> + 'static
{
}

#[diagnostic::do_not_recommend]
impl<S> DialService for S where
    S: Service<Endpoint, Response = Io, Error: Into<BoxError>, Future: Send + 'static> + 'static
{
}

/// A layer around connecting.
pub trait DialLayer: Layer<DialPath, Service: DialService + Send> + Send + 'static {}

impl<D> DialLayer for D where D: Layer<DialPath, Service: DialService + Send> + Send + 'static {}

// ===== accept =====

/// A service that accepts peers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the accept path of a socket",
    label = "this is what a layer makes of the accept path",
    note = "a layer of `SocketBuilder::accept_layer` must make a `Service<Incoming, Response = Io>` \
            of a `Service<Incoming, Response = Io>`, whose error is `Into<BoxError>` and whose \
            future is `Send + 'static`"
)]
pub trait AcceptService:
    Service<Incoming, Response = Io, Error: Into<BoxError>, Future: Send + 'static> + 'static
{
}

#[diagnostic::do_not_recommend]
impl<S> AcceptService for S where
    S: Service<Incoming, Response = Io, Error: Into<BoxError>, Future: Send + 'static> + 'static
{
}

/// A layer around accepting.
pub trait AcceptLayer: Layer<AcceptPath, Service: AcceptService + Send> + Send + 'static {}

impl<A> AcceptLayer for A where A: Layer<AcceptPath, Service: AcceptService + Send> + Send + 'static {}

//! What the layers of a connection wrap.

use futures_core::Stream;
use futures_sink::Sink;

use crate::{Error, Frame, Identity};

/// A connection: a sink of frames and a stream of frames.
///
/// This is a name for the bounds, not something to implement: every type with
/// the two traits has it. A connection layer is a `tower::Layer` from one
/// such type to another.
///
/// Whoever polls the stream accepts what it yields: a frame that was yielded
/// has arrived, and the acknowledging layer acknowledges it at the next flush.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a connection",
    label = "not a sink and stream of frames",
    note = "a connection is `Stream<Item = Result<Frame, Error>> + Sink<Frame, Error = Error> + Send + Unpin`",
    note = "layers over a `tower::Service`, such as tower's own, wrap messages and not connections: \
            they go to `SocketBuilder::layer` or `receive_layer`"
)]
pub trait Connection:
    Stream<Item = Result<Frame, Error>> + Sink<Frame, Error = Error> + Send + Unpin
{
}

#[diagnostic::do_not_recommend]
impl<T> Connection for T where
    T: Stream<Item = Result<Frame, Error>> + Sink<Frame, Error = Error> + Send + Unpin
{
}

/// A connection that knows whose it is.
///
/// The innermost connection of a socket does. A layer that keeps something for
/// each peer asks for it (`C: Connection + Identified`), and one that wraps a
/// connection may hand it on, for the layers around it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which peer it belongs to",
    note = "implement `Identified` for it by asking the connection that it wraps, or add its layer \
            before the one that needs to know: the layer that is added last is nearest to the peer"
)]
pub trait Identified {
    /// The identity of the peer.
    fn identity(&self) -> &Identity;
}

impl<T: Identified + ?Sized> Identified for Box<T> {
    fn identity(&self) -> &Identity {
        (**self).identity()
    }
}

//! What the layers of a connection wrap.

use futures_core::Stream;
use futures_sink::Sink;

use crate::{Error, Frame};

/// A connection: a sink of frames and a stream of frames.
///
/// This is a name for the bounds, not something to implement: every type with
/// the two traits has it. A connection layer is a [`tower::Layer`] from one
/// such type to another.
///
/// Whoever polls the stream accepts what it yields: a frame that was yielded
/// has arrived, and the acknowledging layer acknowledges it at the next flush.
pub trait Connection:
    Stream<Item = Result<Frame, Error>> + Sink<Frame, Error = Error> + Send + Unpin
{
}

impl<T> Connection for T where
    T: Stream<Item = Result<Frame, Error>> + Sink<Frame, Error = Error> + Send + Unpin
{
}

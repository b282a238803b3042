//! A layer makes a sink and a stream of frames, and nothing makes a connection of it.

use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg::layer::Frame;
use aiomsg::layer::SinkStream;
use aiomsg::{Error, Socket};
use futures::{Sink, Stream};
use tower::layer::layer_fn;

struct Quiet<C>(C);

impl<C: SinkStream> Stream for Quiet<C> {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx)
    }
}

impl<C: SinkStream> Sink<Frame> for Quiet<C> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.0).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        Pin::new(&mut self.0).start_send(frame)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

fn main() {
    let _ = Socket::builder().connection_layer(layer_fn(Quiet)).build();
}

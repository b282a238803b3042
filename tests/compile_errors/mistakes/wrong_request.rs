//! A layer makes a service of something else than messages.

use std::task::{Context, Poll};

use aiomsg::Socket;
use tower::layer::layer_fn;
use tower::{BoxError, Service};

struct Texts<S>(S);

impl<S> Service<String> for Texts<S> {
    type Response = ();
    type Error = BoxError;
    type Future = std::future::Ready<Result<(), BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: String) -> Self::Future {
        std::future::ready(Ok(()))
    }
}

fn main() {
    let _ = Socket::builder().layer(layer_fn(Texts)).build();
    let _ = Socket::builder().receive_layer(layer_fn(Texts)).build();
}

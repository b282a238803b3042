//! A layer keeps something that cannot go to another thread.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll};

use aiomsg::{Outbound, Socket};
use tower::Service;
use tower::layer::layer_fn;

struct Counted<S> {
    inner: S,
    count: Rc<Cell<u32>>,
}

impl<S: Service<Outbound>> Service<Outbound> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, message: Outbound) -> S::Future {
        self.count.set(self.count.get() + 1);
        self.inner.call(message)
    }
}

fn main() {
    let count = Rc::new(Cell::new(0));
    let counted = layer_fn(move |inner| Counted {
        inner,
        count: Rc::clone(&count),
    });
    let _ = Socket::builder().layer(counted).build();
}

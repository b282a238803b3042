//! Handlers that a router cannot have.

use std::cell::Cell;
use std::rc::Rc;

use aiomsg::Delivery;
use aiomsg::receive::Router;
use bytes::Bytes;

async fn takes_the_payload(_: Bytes) -> Bytes {
    Bytes::new()
}

async fn returns_a_number(_: Delivery) -> u64 {
    1
}

async fn stays_on_its_thread(_: Delivery) {
    let count = Rc::new(Cell::new(0));
    std::future::ready(()).await;
    count.set(1);
}

fn main() {
    let _ = Router::new().route("bytes", takes_the_payload);
    let _ = Router::new().route("number", returns_a_number);
    let _ = Router::new().route("thread", stays_on_its_thread);
}

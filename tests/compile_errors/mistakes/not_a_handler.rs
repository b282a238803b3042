//! Handlers that `serve` cannot call.

use aiomsg::{Delivery, Error, Socket};
use bytes::Bytes;

async fn takes_the_payload(_: Bytes) -> Bytes {
    Bytes::new()
}

async fn returns_a_number(_: Delivery) -> Result<u64, Error> {
    Ok(1)
}

fn main() {
    let socket = Socket::new().unwrap();
    let _ = socket.serve(takes_the_payload);
    let _ = socket.serve(returns_a_number);
}

//! A socket with a layer, where one without layers is expected.

use std::time::Duration;

use aiomsg::{Error, Socket};
use tower::limit::RateLimitLayer;

struct Client {
    socket: Socket,
}

fn client() -> Result<Client, Error> {
    let rate = RateLimitLayer::new(1, Duration::from_secs(1));
    let socket = Socket::builder().layer(rate).build()?;
    Ok(Client { socket })
}

fn main() {}

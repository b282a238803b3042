//! Reasons of failures in the log: the first of each kind at once, and then one line a minute.

mod collected;
mod dials;
mod kinds;
mod quiet;

#[cfg(feature = "tls")]
mod certificates;

use super::*;
use aiomsg::parts::transport::{Connector, Io};
use collected::Collected;
use tower::ServiceExt;

const MINUTE: Duration = Duration::from_secs(60);

/// A little more than a minute, in which all lines about it come.
async fn a_minute_goes_by() {
    tokio::time::sleep(MINUTE + Duration::from_secs(1)).await;
}

/// A socket that listens in memory, and its endpoint.
async fn listening(name: &str, socket: Socket) -> (Socket, Endpoint) {
    let endpoint = socket.bind(&*format!("mem://reasons-{name}")).await;
    (socket, endpoint.unwrap())
}

async fn raw(endpoint: &Endpoint, bytes: &[u8]) -> Io {
    let mut io = Connector::new().oneshot(endpoint.clone()).await.unwrap();
    io.write_all(bytes).await.unwrap();
    io
}

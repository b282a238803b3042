//! Two ends that meet over TLS.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "helpers of tests, of which each test binary uses a part"
)]

use std::borrow::Borrow;
use std::time::Duration;

use aiomsg_core::{Endpoint, Error};
use aiomsg_transport::tls::TlsConfig;
use aiomsg_transport::{Connector, Io, ListenOptions, Listener, io};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tower::ServiceExt;

/// What the connecting and the binding end come to.
type Outcomes = (Result<Io, Error>, Result<Io, Error>);

pub(crate) async fn bind(tls: &TlsConfig) -> Result<Listener, Error> {
    let endpoint = Endpoint::tls("127.0.0.1", 0);
    Listener::bind(&endpoint, &ListenOptions::new().tls(tls.clone())).await
}

/// What comes of a connection: the connecting end's and the binding end's
/// outcome, each after it has read a byte of the other.
pub(crate) async fn connect(listener: &mut Listener, tls: &TlsConfig) -> Outcomes {
    let endpoint = listener.local_endpoint();
    let dial = Connector::new().tls(tls.clone()).oneshot(endpoint);
    let near = async { greet(dial.await?).await };
    let far = async { greet(listener.accept().await?.secure().await?).await };
    timeout(Duration::from_secs(10), async { tokio::join!(near, far) })
        .await
        .expect("both ends come to an end")
}

/// The same, with a listener of its own.
pub(crate) async fn meet(
    server: impl Borrow<TlsConfig>,
    client: impl Borrow<TlsConfig>,
) -> Outcomes {
    let mut listener = bind(server.borrow()).await.unwrap();
    connect(&mut listener, client.borrow()).await
}

pub(crate) async fn greet(mut io: Io) -> Result<Io, Error> {
    // In TLS 1.3 this end may have finished before the other one refuses it,
    // so a write may go through, or fail, before the reason arrives.
    let _ = async {
        io.write_all(b"!").await?;
        io.flush().await
    }
    .await;
    let mut byte = [0];
    io.read_exact(&mut byte).await.map_err(io::explain)?;
    Ok(io)
}

#[track_caller]
pub(crate) fn refused(outcome: Result<Io, Error>, expected: &str) {
    let error = outcome.unwrap_err();
    assert!(error.is_tls(), "{error}");
    assert!(error.chain().to_string().contains(expected), "{error}");
}

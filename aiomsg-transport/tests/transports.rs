//! Dialling and accepting over every transport without TLS.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aiomsg_core::{Endpoint, Error};
use aiomsg_transport::{Connector, Io, ListenOptions, Listener, RemoteAddr};
use futures::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tower::ServiceExt;

fn mem(name: &str) -> Endpoint {
    Endpoint::Mem { name: name.into() }
}

async fn bind(endpoint: &Endpoint) -> Result<Listener, Error> {
    Listener::bind(endpoint, &ListenOptions::new()).await
}

async fn pair(endpoint: &Endpoint) -> (Io, Io) {
    let mut listener = bind(endpoint).await.unwrap();
    let connected = Connector::new()
        .oneshot(listener.local_endpoint())
        .await
        .unwrap();
    let accepted = listener.accept().await.unwrap().secure().await.unwrap();
    (connected, accepted)
}

async fn exchange(one: &mut Io, other: &mut Io) {
    for _ in 0..2 {
        one.write_all(b"hello").await.unwrap();
        one.flush().await.unwrap();
        let mut bytes = [0; 5];
        other.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"hello");
        std::mem::swap(one, other);
    }
}

#[tokio::test]
async fn bytes_pass_both_ways_over_tcp() {
    let (mut near, mut far) = pair(&Endpoint::tcp("127.0.0.1", 0)).await;
    exchange(&mut near, &mut far).await;
    assert!(near.is_write_vectored() && far.is_write_vectored());
    assert!(matches!(far.info().remote, RemoteAddr::Inet(at) if at.ip().is_loopback()));
    assert!(far.info().tls.is_none());
}

#[tokio::test]
async fn bytes_pass_both_ways_in_memory() {
    let (mut near, mut far) = pair(&mem("transports-exchange")).await;
    exchange(&mut near, &mut far).await;
    assert!(near.is_write_vectored());
    assert_eq!(far.info().remote.to_string(), "mem://transports-exchange");
}

#[cfg(unix)]
#[tokio::test]
async fn bytes_pass_both_ways_over_a_unix_socket() {
    let name = format!("aiomsg-{}-exchange.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    let (mut near, mut far) = pair(&Endpoint::Unix { path: path.clone() }).await;
    exchange(&mut near, &mut far).await;
    assert!(near.is_write_vectored());
    assert_eq!(near.info().remote, RemoteAddr::Unix(Some(path)));
    assert_eq!(far.info().remote, RemoteAddr::Unix(None));
}

#[tokio::test]
async fn the_chosen_port_is_told_and_the_host_kept() {
    let listener = bind(&Endpoint::tcp("localhost", 0)).await.unwrap();
    let endpoint = listener.local_endpoint();
    assert_ne!(endpoint.port(), Some(0));
    assert_eq!(endpoint.clone().with_port(0), Endpoint::tcp("localhost", 0));
    Connector::new().oneshot(endpoint).await.unwrap();
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let listener = bind(&Endpoint::tcp("127.0.0.1", 0)).await.unwrap();
    let taken = listener.local_endpoint();

    let error = bind(&taken).await.unwrap_err();

    assert_eq!(error.io().unwrap().kind(), io::ErrorKind::AddrInUse);
    assert_eq!(error.endpoint(), Some(&taken));
    assert!(
        error.chain().to_string().starts_with(&taken.to_string()),
        "{error}"
    );
}

#[tokio::test]
async fn a_port_is_free_again_at_once() {
    let endpoint = Endpoint::tcp("127.0.0.1", 0);
    let mut listener = bind(&endpoint).await.unwrap();
    let endpoint = listener.local_endpoint();
    let _near = Connector::new().oneshot(endpoint.clone()).await.unwrap();
    // Closed by this end first, so that the connection lingers at this port.
    drop(listener.accept().await.unwrap());
    drop(listener);

    bind(&endpoint).await.unwrap();
}

#[tokio::test]
async fn an_unknown_name_is_an_address_error_on_both_ends() {
    let endpoint = Endpoint::tcp("nobody.invalid", 25000);
    let dialled = Connector::new()
        .oneshot(endpoint.clone())
        .await
        .unwrap_err();
    let bound = bind(&endpoint).await.unwrap_err();
    for error in [dialled, bound] {
        assert!(error.is_address(), "{error}");
        assert_eq!(error.endpoint(), Some(&endpoint));
    }
}

#[tokio::test]
async fn a_refused_connection_names_endpoint_and_address() {
    let listener = bind(&Endpoint::tcp("127.0.0.1", 0)).await.unwrap();
    let endpoint = listener.local_endpoint();
    drop(listener);

    let error = Connector::new()
        .oneshot(endpoint.clone())
        .await
        .unwrap_err();

    assert_eq!(error.io().unwrap().kind(), io::ErrorKind::ConnectionRefused);
    let port = endpoint.port().unwrap();
    let expected = format!(
        "tcp://127.0.0.1:{port}: input or output failed: 127.0.0.1:{port}: connection refused"
    );
    assert!(error.chain().to_string().starts_with(&expected), "{error}");
}

/// A name was looked up once and never again, so a peer that had moved stayed
/// out of reach; and only its first address was tried.
#[tokio::test]
async fn a_name_is_resolved_anew_and_all_its_addresses_are_tried() {
    let mut listener = bind(&Endpoint::tcp("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_endpoint().port().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let connector = Connector::new().resolve_with(move |host, port| {
        assert_eq!(host, "moves.test");
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        let refused = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port));
        let alive = SocketAddr::from(([127, 0, 0, 1], port));
        std::future::ready(Ok(match first {
            true => vec![refused],
            false => vec![refused, alive],
        }))
    });
    let endpoint = Endpoint::tcp("moves.test", port);

    let error = connector
        .clone()
        .oneshot(endpoint.clone())
        .await
        .unwrap_err();
    assert!(error.chain().to_string().contains("[::1]"), "{error}");
    connector.oneshot(endpoint).await.unwrap();

    assert_eq!(asked.load(Ordering::Relaxed), 2);
    listener.accept().await.unwrap();
}

#[tokio::test]
async fn a_cancelled_accept_loses_no_peer() {
    for endpoint in [Endpoint::tcp("127.0.0.1", 0), mem("transports-cancel")] {
        let mut listener = bind(&endpoint).await.unwrap();
        assert!(listener.accept().now_or_never().is_none());

        let connector = Connector::new();
        let mut near = connector.oneshot(listener.local_endpoint()).await.unwrap();
        // Polled and dropped whether or not the peer is there already.
        let incoming = match listener.accept().now_or_never() {
            Some(incoming) => incoming,
            None => listener.accept().await,
        };

        let mut far = incoming.unwrap().secure().await.unwrap();
        exchange(&mut near, &mut far).await;
    }
}

#[tokio::test]
async fn a_dropped_peer_sees_the_end() {
    for endpoint in [Endpoint::tcp("127.0.0.1", 0), mem("transports-end")] {
        let mut listener = bind(&endpoint).await.unwrap();
        let connector = Connector::new();
        let mut near = connector.oneshot(listener.local_endpoint()).await.unwrap();
        drop(listener.accept().await.unwrap());
        assert_eq!(near.read(&mut [0]).await.unwrap(), 0);
    }
}

#[cfg(not(feature = "tls"))]
#[tokio::test]
async fn tls_that_is_not_built_in_is_said_so() {
    let endpoint = Endpoint::tls("127.0.0.1", 0);
    let dialled = Connector::new()
        .oneshot(endpoint.clone())
        .await
        .unwrap_err();
    let bound = bind(&endpoint).await.unwrap_err();
    for error in [dialled, bound] {
        assert!(error.is_config(), "{error}");
        assert!(error.chain().to_string().contains("feature"), "{error}");
    }
}

/// The zone of an address was refused, and the end that was bound could not be
/// dialled as it was shown.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_address_with_a_zone_is_bound_and_dialled_as_shown() {
    for zone in ["lo", "1"] {
        let endpoint: Endpoint = format!("[::1%{zone}]:0").parse().unwrap();
        let mut listener = bind(&endpoint).await.unwrap();
        let shown = listener.local_endpoint().to_string();
        assert!(shown.contains(&format!("[::1%{zone}]:")), "{shown}");
        let dial = Connector::new().oneshot(shown.parse().unwrap());
        let (near, far) = tokio::join!(dial, listener.accept());
        near.unwrap();
        far.unwrap();
    }
    let nowhere: Endpoint = "[fe80::1%nosuch0]:1".parse().unwrap();
    let dialled = Connector::new().oneshot(nowhere.clone()).await;
    for error in [bind(&nowhere).await.unwrap_err(), dialled.unwrap_err()] {
        assert!(error.is_address(), "{error}");
        assert!(
            error.chain().to_string().contains("no such interface"),
            "{error}"
        );
    }
}

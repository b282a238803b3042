//! Around connecting and accepting.

mod failures;
mod filters;
mod streams;

use std::collections::HashSet;
use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::task::{Context, Poll};

use super::*;
use aiomsg::layer::{Incoming, Io, IoInfo};
use aiomsg::parts::transport::Connector;
use aiomsg::peer::RemoteAddr;
use aiomsg::{Error, ErrorKind, SocketBuilder};
use futures::TryFutureExt;
use futures::future::{BoxFuture, ErrInto, Ready, ready};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional, duplex};
use tokio::net::TcpSocket;
use tokio::time::{Instant, sleep};
use tower::filter::FilterLayer;
use tower::layer::layer_fn;
use tower::limit::{ConcurrencyLimitLayer, RateLimitLayer};
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;
use tower::util::{AndThenLayer, MapErrLayer, MapRequestLayer};
use tower::{BoxError, Layer, Service, ServiceBuilder};

const SECOND: Duration = Duration::from_secs(1);

async fn servers(count: usize) -> Vec<(Socket, Endpoint)> {
    let mut servers = Vec::new();
    for _ in 0..count {
        servers.push(receiver().await);
    }
    servers
}

/// Tries again soon.
fn eager() -> SocketBuilder {
    Socket::builder().reconnect_delay(|_| Duration::from_millis(20))
}

/// Connects to the endpoint once.
async fn client(endpoint: &Endpoint) -> Socket {
    let socket = Socket::new().unwrap();
    socket.connect(endpoint.clone()).unwrap();
    within("the server", socket.wait_for_peers(1))
        .await
        .unwrap();
    socket
}

/// A message from one to the other.
async fn talk(from: &Socket, to: &Socket) {
    from.send("hello").await.unwrap();
    assert_eq!(within("a message", to.recv()).await.unwrap(), "hello");
}

async fn dial_failed(events: &mut Events) -> (Endpoint, Arc<Error>) {
    event(events, "a failure to connect", |event| match event {
        Event::DialFailed {
            endpoint, error, ..
        } => Some((endpoint, error)),
        _ => None,
    })
    .await
}

async fn accept_failed(events: &mut Events) -> (Endpoint, RemoteAddr, Arc<Error>) {
    event(events, "a refusal", |event| match event {
        Event::AcceptFailed {
            endpoint,
            remote,
            error,
        } => Some((endpoint, remote.unwrap(), error)),
        _ => None,
    })
    .await
}

/// The error of a layer, which names the endpoint and has the cause.
fn cause<'a>(error: &'a Error, endpoint: &Endpoint) -> &'a (dyn std::error::Error + 'static) {
    assert_eq!(error.endpoint(), Some(endpoint));
    assert!(error.to_string().starts_with(&endpoint.to_string()));
    error.source().expect("the layer's error")
}

/// Holds byte streams up at the gate, once they are made: a layer of tower's, for
/// either path.
fn held(
    gate: &Gate,
) -> AndThenLayer<impl Fn(Io) -> BoxFuture<'static, Result<Io, Error>> + Clone + use<>> {
    let gate = gate.clone();
    AndThenLayer::new(move |io| -> BoxFuture<'static, Result<Io, Error>> {
        let gate = gate.clone();
        Box::pin(async move {
            gate.pass().await;
            Ok(io)
        })
    })
}

/// Takes a second for each byte stream, and counts how many are in it at once.
fn slow(
    most: &Arc<AtomicUsize>,
) -> AndThenLayer<impl Fn(Io) -> BoxFuture<'static, Result<Io, Error>> + Clone + use<>> {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::clone(most));
    AndThenLayer::new(move |io| -> BoxFuture<'static, Result<Io, Error>> {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        Box::pin(async move {
            most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            sleep(SECOND).await;
            now.fetch_sub(1, Ordering::Relaxed);
            Ok(io)
        })
    })
}

// ===== rate limit =====

#[tokio::test(start_paused = true)]
async fn a_rate_limit_on_dial_is_shared_by_all_endpoints() {
    let servers = servers(4).await;
    // Waiting for the limit is not in the time for connecting.
    let socket = Socket::builder()
        .dial_layer(RateLimitLayer::new(1, SECOND * 20))
        .handshake_timeout(SECOND)
        .build()
        .unwrap();
    let start = Instant::now();
    for (_, endpoint) in &servers {
        socket.connect(endpoint.clone()).unwrap();
    }
    for (n, _) in servers.iter().enumerate() {
        let peers = tokio::time::timeout(SECOND * 30, socket.wait_for_peers(n + 1));
        peers.await.unwrap().unwrap();
    }
    assert!(start.elapsed() >= SECOND * 60, "{:?}", start.elapsed());
    assert_eq!(socket.stats().failed_connections, 0);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_on_accept_is_shared_by_all_endpoints() {
    let server = Socket::builder()
        .accept_layer(RateLimitLayer::new(1, SECOND))
        .build()
        .unwrap();
    let mut clients = Vec::new();
    let start = Instant::now();
    for _ in 0..4 {
        let socket = Socket::new().unwrap();
        let endpoint = server.bind("127.0.0.1:0").await.unwrap();
        socket.connect(endpoint).unwrap();
        clients.push(socket);
    }
    within("all clients", server.wait_for_peers(4))
        .await
        .unwrap();
    assert!(start.elapsed() >= SECOND * 3, "{:?}", start.elapsed());
    assert_eq!(server.stats().failed_connections, 0);
}

/// But on accept, waiting for a layer is in the time for the handshake.
#[tokio::test(start_paused = true)]
async fn a_peer_does_not_wait_for_ever_for_a_layer_on_accept() {
    let server = Socket::builder()
        .accept_layer(RateLimitLayer::new(1, SECOND * 3600))
        .handshake_timeout(SECOND)
        .build()
        .unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let mut events = server.events();
    let first = client(&endpoint).await;
    let second = Socket::new().unwrap();
    second.connect(endpoint.clone()).unwrap();
    let (at, _, error) = accept_failed(&mut events).await;
    assert_eq!(at, endpoint);
    assert!(error.is_timeout(), "{error}");
    talk(&first, &server).await;
}

// ===== concurrency limit =====

#[tokio::test(start_paused = true)]
async fn concurrency_limit_on_dial() {
    for limit in [1, 3] {
        let servers = servers(6).await;
        let most = Arc::default();
        let socket = Socket::builder()
            .dial_layer(ConcurrencyLimitLayer::new(limit))
            .dial_layer(slow(&most))
            .build()
            .unwrap();
        for (_, endpoint) in &servers {
            socket.connect(endpoint.clone()).unwrap();
        }
        within("all servers", socket.wait_for_peers(6))
            .await
            .unwrap();
        assert_eq!(most.load(Ordering::Relaxed), limit);
    }
}

#[tokio::test(start_paused = true)]
async fn concurrency_limit_on_accept() {
    for limit in [1, 3] {
        let most = Arc::default();
        let server = Socket::builder()
            .accept_layer(ConcurrencyLimitLayer::new(limit))
            .accept_layer(slow(&most))
            .build()
            .unwrap();
        let endpoint = server.bind("127.0.0.1:0").await.unwrap();
        let clients: Vec<_> = (0..6).map(|_| Socket::new().unwrap()).collect();
        for client in &clients {
            client.connect(endpoint.clone()).unwrap();
        }
        within("all clients", server.wait_for_peers(6))
            .await
            .unwrap();
        assert_eq!(most.load(Ordering::Relaxed), limit);
    }
}

/// A place that was given to a connection which is given up while it waits is
/// free for others.
#[tokio::test]
async fn disconnecting_while_a_layer_is_waited_for() {
    let servers = servers(3).await;
    let gate = Gate::new();
    let socket = Socket::builder()
        .dial_layer(ConcurrencyLimitLayer::new(1))
        .dial_layer(held(&gate))
        .build()
        .unwrap();
    for (_, endpoint) in &servers {
        socket.connect(endpoint.clone()).unwrap();
    }
    gate.come(1).await;
    // The second of them waits, and so would the third.
    socket.disconnect(servers[1].1.clone()).unwrap();
    gate.let_go(2);
    within("two servers", socket.wait_for_peers(2))
        .await
        .unwrap();
    let peers: HashSet<_> = socket.peers().into_iter().map(|it| it.endpoint).collect();
    let expected = [&servers[0].1, &servers[2].1].map(Clone::clone);
    assert_eq!(peers, HashSet::from(expected));
}

// ===== timeout =====

#[tokio::test]
async fn timeout_on_dial() {
    let servers = servers(2).await;
    let gate = Gate::new();
    let socket = eager()
        .dial_layer(TimeoutLayer::new(SECOND / 10))
        .dial_layer(held(&gate))
        .build()
        .unwrap();
    let mut events = socket.events();
    let (server, endpoint) = &servers[0];
    socket.connect(endpoint.clone()).unwrap();
    for _ in 0..2 {
        let (at, error) = dial_failed(&mut events).await;
        assert_eq!(&at, endpoint);
        assert!(error.is_timeout(), "{error}");
        let cause = cause(&error, endpoint);
        assert!(cause.is::<tower::timeout::error::Elapsed>());
    }
    gate.let_go(1_000);
    within("the server", socket.wait_for_peers(1))
        .await
        .unwrap();
    talk(&socket, server).await;
}

#[tokio::test]
async fn timeout_on_accept() {
    let gate = Gate::new();
    let server = Socket::builder()
        .accept_layer(TimeoutLayer::new(SECOND / 10))
        .accept_layer(held(&gate))
        .build()
        .unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let mut events = server.events();
    let client = eager().build().unwrap();
    client.connect(endpoint.clone()).unwrap();
    for _ in 0..2 {
        let (at, _, error) = accept_failed(&mut events).await;
        assert_eq!(at, endpoint);
        assert!(error.is_timeout(), "{error}");
        let cause = cause(&error, &endpoint);
        assert!(cause.is::<tower::timeout::error::Elapsed>());
    }
    gate.let_go(1_000);
    within("the client", server.wait_for_peers(1))
        .await
        .unwrap();
    talk(&client, &server).await;
}

// ===== certificates =====

#[cfg(feature = "tls")]
mod tls {
    use super::*;
    use aiomsg::TlsConfig;
    use bytes::Bytes;
    use std::path::Path;
    use std::process::Command;

    /// Makes `name.cert`, `name.key` and returns the certificate in DER.
    fn certificate(directory: &Path, name: &str) -> Bytes {
        let run = |args: &str| {
            let output = Command::new("openssl")
                .args(args.split(' '))
                .current_dir(directory)
                .output()
                .expect("the openssl command is installed (package openssl)");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{stderr}");
            output.stdout
        };
        run(&format!(
            "req -newkey rsa:2048 -nodes -keyout {name}.key -x509 -days 365 -out {name}.cert \
             -subj /C=GB/ST=Blah/L=Blah/O=Blah/OU=Blah/CN=example.com"
        ));
        run(&format!("x509 -in {name}.cert -outform DER")).into()
    }

    /// Lets those through whose certificate it is.
    fn only(
        certificate: &Bytes,
    ) -> AndThenLayer<impl Fn(Io) -> Ready<Result<Io, BoxError>> + Clone + use<>> {
        let wanted = certificate.clone();
        AndThenLayer::new(move |io: Io| {
            let shown = io.info().certificate().map(aiomsg::peer::Certificate::der);
            ready(match shown == Some(&wanted) {
                true => Ok(io),
                false => Err("not on the list".into()),
            })
        })
    }

    /// All three trust each other, as far as TLS is asked; layers do not.
    #[tokio::test]
    async fn refused_by_certificate() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let names = ["server", "alice", "bob"];
        let [server_der, alice_der, _] = names.map(|name| certificate(directory.path(), name));
        let tls = |name: &str| {
            let builder = TlsConfig::builder();
            let (cert, key) = (at(&format!("{name}.cert")), at(&format!("{name}.key")));
            let builder = names.iter().fold(builder, |builder, name| {
                builder.trust_file(at(&format!("{name}.cert")))
            });
            builder.certificate_files(cert, key).build().unwrap()
        };

        let server = Socket::builder()
            .tls(tls("server"))
            .accept_layer(only(&alice_der))
            .build()
            .unwrap();
        let endpoint = server.bind("tls://127.0.0.1:0").await.unwrap();
        let mut events = server.events();
        let alice = Socket::builder()
            .tls(tls("alice"))
            .dial_layer(only(&server_der))
            .build()
            .unwrap();
        alice.connect(endpoint.clone()).unwrap();
        talk(&alice, &server).await;

        let bob = Socket::builder().tls(tls("bob")).build().unwrap();
        let mut theirs = bob.events();
        bob.connect(endpoint.clone()).unwrap();
        let (at, remote, error) = accept_failed(&mut events).await;
        assert_eq!(at, endpoint);
        assert!(matches!(remote, RemoteAddr::Inet(_)));
        assert!(error.is_layer() && !error.is_tls(), "{error}");
        assert_eq!(cause(&error, &endpoint).to_string(), "not on the list");
        dial_failed(&mut theirs).await;

        // And the other way round: the server is not whom she wants.
        let picky = Socket::builder()
            .tls(tls("alice"))
            .dial_layer(only(&alice_der))
            .build()
            .unwrap();
        let mut theirs = picky.events();
        picky.connect(endpoint.clone()).unwrap();
        let (at, error) = dial_failed(&mut theirs).await;
        assert_eq!(at, endpoint);
        assert_eq!(cause(&error, &endpoint).to_string(), "not on the list");

        talk(&alice, &server).await;
        assert_eq!(server.stats().connections, 1);
    }
}

//! Around connecting and accepting.

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

// ===== filter =====

#[tokio::test]
async fn filter_by_endpoint_on_dial() {
    let servers = servers(2).await;
    let forbidden = servers[0].1.clone();
    let not_there = forbidden.clone();
    let socket = eager()
        .dial_layer(FilterLayer::new(move |endpoint: Endpoint| {
            match endpoint == not_there {
                true => Err("not there"),
                false => Ok(endpoint),
            }
        }))
        .build()
        .unwrap();
    let mut events = socket.events();
    for (_, endpoint) in &servers {
        socket.connect(endpoint.clone()).unwrap();
    }
    within("the other", socket.wait_for_peers(1)).await.unwrap();
    talk(&socket, &servers[1].0).await;
    for _ in 0..3 {
        let (at, error) = dial_failed(&mut events).await;
        assert_eq!(at, forbidden);
        assert!(error.is_layer(), "{error}");
        assert_eq!(cause(&error, &forbidden).to_string(), "not there");
    }
    talk(&socket, &servers[1].0).await;
    assert_eq!(servers[0].0.stats().connections, 0);
}

#[tokio::test]
async fn filter_by_the_remote_address_on_accept() {
    let banned: Arc<Mutex<HashSet<SocketAddr>>> = Arc::default();
    let list = Arc::clone(&banned);
    let server = Socket::builder()
        .accept_layer(FilterLayer::new(move |peer: Incoming| {
            let RemoteAddr::Inet(address) = peer.remote() else {
                return Err("over tcp, please");
            };
            match list.lock().unwrap().contains(address) {
                true => Err("not you"),
                false => Ok(peer),
            }
        }))
        .build()
        .unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let mut events = server.events();
    let living = client(&endpoint).await;

    for _ in 0..3 {
        let stranger = TcpSocket::new_v4().unwrap();
        stranger.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = stranger.local_addr().unwrap();
        banned.lock().unwrap().insert(address);
        let server = ([127, 0, 0, 1], endpoint.port().unwrap()).into();
        let mut stranger = stranger.connect(server).await.unwrap();
        let mut bytes = Vec::new();
        // A reset is an end, too.
        let _ = within("the end", stranger.read_to_end(&mut bytes)).await;
        assert!(bytes.is_empty(), "nothing was said to it");

        let (at, remote, error) = accept_failed(&mut events).await;
        assert_eq!(at, endpoint);
        assert_eq!(remote, RemoteAddr::Inet(address));
        assert!(error.is_layer(), "{error}");
        assert_eq!(cause(&error, &endpoint).to_string(), "not you");
    }
    talk(&living, &server).await;
    assert_eq!(server.stats().connections, 1);
    assert_eq!(server.stats().failed_connections, 3);

    let memory = server.bind("mem://filter-by-remote-address").await.unwrap();
    let other = Socket::new().unwrap();
    other.connect(memory.clone()).unwrap();
    let (at, remote, error) = accept_failed(&mut events).await;
    assert_eq!(at, memory);
    assert!(matches!(remote, RemoteAddr::Mem(_)));
    assert_eq!(cause(&error, &memory).to_string(), "over tcp, please");
}

// ===== load shed, map err =====

#[tokio::test]
async fn load_shed_on_dial() {
    let servers = servers(2).await;
    let gate = Gate::new();
    let socket = eager()
        .dial_layer(LoadShedLayer::new())
        .dial_layer(ConcurrencyLimitLayer::new(1))
        .dial_layer(held(&gate))
        .build()
        .unwrap();
    let mut events = socket.events();
    socket.connect(servers[0].1.clone()).unwrap();
    gate.come(1).await;
    let endpoint = &servers[1].1;
    socket.connect(endpoint.clone()).unwrap();
    let (at, error) = dial_failed(&mut events).await;
    assert_eq!(&at, endpoint);
    let cause = cause(&error, endpoint);
    assert!(cause.is::<tower::load_shed::error::Overloaded>());
    gate.let_go(1_000);
    within("both in the end", socket.wait_for_peers(2))
        .await
        .unwrap();
}

#[tokio::test]
async fn load_shed_on_accept() {
    let gate = Gate::new();
    let server = Socket::builder()
        .accept_layer(LoadShedLayer::new())
        .accept_layer(ConcurrencyLimitLayer::new(1))
        .accept_layer(held(&gate))
        .build()
        .unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let mut events = server.events();
    let clients = [eager().build().unwrap(), eager().build().unwrap()];
    clients[0].connect(endpoint.clone()).unwrap();
    gate.come(1).await;
    clients[1].connect(endpoint.clone()).unwrap();
    let (_, _, error) = accept_failed(&mut events).await;
    let cause = cause(&error, &endpoint);
    assert!(cause.is::<tower::load_shed::error::Overloaded>());
    gate.let_go(1_000);
    within("both in the end", server.wait_for_peers(2))
        .await
        .unwrap();
}

/// The error of a layer is told as it is: an error of ours keeps its kind.
#[tokio::test]
async fn map_err_on_both() {
    let too_much = || MapErrLayer::new(|_: Error| Error::new(ErrorKind::Limit));
    let server = Socket::builder()
        .accept_layer(too_much())
        .accept_layer(FilterLayer::new(|_: Incoming| Err::<Incoming, _>("no")))
        .build()
        .unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let mut events = server.events();
    let socket = Socket::new().unwrap();
    socket.connect(endpoint.clone()).unwrap();
    let (_, _, error) = accept_failed(&mut events).await;
    assert!(error.is_limit() && !error.is_layer(), "{error}");
    assert_eq!(error.endpoint(), Some(&endpoint));

    let socket = Socket::builder()
        .dial_layer(too_much())
        .dial_layer(FilterLayer::new(|_: Endpoint| Err::<Endpoint, _>("no")))
        .build()
        .unwrap();
    let mut events = socket.events();
    socket.connect(endpoint.clone()).unwrap();
    let (_, error) = dial_failed(&mut events).await;
    assert!(error.is_limit() && !error.is_layer(), "{error}");
    assert_eq!(error.endpoint(), Some(&endpoint));
}

/// What is below the layers fails as it does without them.
#[tokio::test]
async fn the_error_of_the_connector_goes_through_layers() {
    let (server, endpoint) = receiver().await;
    server.unbind(endpoint.clone()).await.unwrap();
    let socket = Socket::builder()
        .dial_layer(TimeoutLayer::new(SECOND * 20))
        .dial_layer(RateLimitLayer::new(100, SECOND))
        .dial_layer(ConcurrencyLimitLayer::new(10))
        .build()
        .unwrap();
    let mut events = socket.events();
    socket.connect(endpoint.clone()).unwrap();
    let (at, error) = dial_failed(&mut events).await;
    assert_eq!(at, endpoint);
    assert!(error.is_io() && !error.is_layer(), "{error}");
    assert_eq!(
        error.io().unwrap().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
}

// ===== a layer that fails to become ready =====

/// Fails when it is asked whether it is ready, and counts how often it is asked.
#[derive(Clone)]
struct Moody<S> {
    inner: S,
    asked: Arc<AtomicUsize>,
}

fn moody<S>(asked: &Arc<AtomicUsize>) -> impl Layer<S, Service = Moody<S>> + use<S> {
    let asked = Arc::clone(asked);
    layer_fn(move |inner| Moody {
        inner,
        asked: Arc::clone(&asked),
    })
}

impl<S, R> Service<R> for Moody<S>
where
    S: Service<R, Error: Into<BoxError>>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ErrInto<S::Future, BoxError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Err("in a bad mood".into()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.inner.call(request).err_into()
    }
}

/// Pitfall 36. Each further try fails, and says why.
#[tokio::test]
async fn a_layer_that_fails_to_become_ready_is_not_asked_again() {
    let (dialled, accepted) = (Arc::default(), Arc::default());
    let server = Socket::builder()
        .accept_layer(moody(&accepted))
        .build()
        .unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let socket = eager().dial_layer(moody(&dialled)).build().unwrap();
    let mut ours = socket.events();
    socket.connect(endpoint.clone()).unwrap();
    let (_, error) = dial_failed(&mut ours).await;
    assert_eq!(cause(&error, &endpoint).to_string(), "in a bad mood");
    for _ in 0..2 {
        let (at, error) = dial_failed(&mut ours).await;
        assert_eq!(at, endpoint);
        assert!(error.is_layer() && error.to_string().contains("in a bad mood"));
    }
    assert_eq!(dialled.load(Ordering::Relaxed), 1);

    let (other, mut theirs) = (eager().build().unwrap(), server.events());
    other.connect(endpoint.clone()).unwrap();
    let (_, _, error) = accept_failed(&mut theirs).await;
    assert_eq!(cause(&error, &endpoint).to_string(), "in a bad mood");
    for _ in 0..2 {
        let (_, _, error) = accept_failed(&mut theirs).await;
        assert!(error.is_layer() && error.to_string().contains("in a bad mood"));
    }
    assert_eq!(accepted.load(Ordering::Relaxed), 1);
}

// ===== a layer that panics =====

/// A panic in a layer ended the task that dials: there was no event, and never
/// another try.
#[tokio::test]
async fn a_layer_that_panics_fails() {
    let once = || {
        let before = Arc::new(AtomicUsize::new(0));
        move || assert!(before.fetch_add(1, Ordering::Relaxed) > 0, "as we want")
    };
    // When it is called, and in its future.
    let (in_call, in_future) = (once(), once());
    let dial = ServiceBuilder::new()
        .map_request(move |endpoint: Endpoint| {
            in_call();
            endpoint
        })
        .map_response(move |io: Io| {
            in_future();
            io
        });
    let (in_call, in_future) = (once(), once());
    let accept = ServiceBuilder::new()
        .map_request(move |peer: Incoming| {
            in_call();
            peer
        })
        .map_response(move |io: Io| {
            in_future();
            io
        });
    let server = Socket::builder()
        .accept_layer(accept.into_inner())
        .build()
        .unwrap();
    let socket = eager().dial_layer(dial.into_inner()).build().unwrap();
    let (mut ours, mut theirs) = (socket.events(), server.events());
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    socket.connect(endpoint.clone()).unwrap();
    for _ in 0..2 {
        let (at, error) = dial_failed(&mut ours).await;
        assert_eq!(at, endpoint);
        assert!(error.to_string().contains("a layer panicked"), "{error}");
    }
    for _ in 0..2 {
        let (at, _, error) = accept_failed(&mut theirs).await;
        assert_eq!(at, endpoint);
        assert!(error.to_string().contains("a layer panicked"), "{error}");
    }
    within("the server", socket.wait_for_peers(1))
        .await
        .unwrap();
    talk(&socket, &server).await;
}

// ===== bytes before the handshake =====

/// Shows the other end a token before anything else is said, and wants to see
/// the same. For both paths.
#[derive(Clone, Copy)]
struct TokenLayer(&'static [u8; 8]);

impl<S> Layer<S> for TokenLayer {
    type Service = Token<S>;

    fn layer(&self, inner: S) -> Token<S> {
        Token {
            inner,
            token: self.0,
        }
    }
}

#[derive(Clone)]
struct Token<S> {
    inner: S,
    token: &'static [u8; 8],
}

impl<S, R> Service<R> for Token<S>
where
    S: Service<R, Response = Io, Error: Into<BoxError>, Future: Send + 'static>,
{
    type Response = Io;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Io, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let (opening, token) = (self.inner.call(request), self.token);
        Box::pin(async move {
            let mut io = opening.await.map_err(Into::into)?;
            io.write_all(token).await?;
            let mut theirs = [0; 8];
            io.read_exact(&mut theirs).await?;
            match theirs == *token {
                true => Ok(io),
                false => Err("a wrong token".into()),
            }
        })
    }
}

#[tokio::test]
async fn a_token_is_exchanged_before_the_handshake() {
    for place in ["127.0.0.1:0", "mem://a-token-is-exchanged"] {
        let server = Socket::builder()
            .accept_layer(TokenLayer(b"open up!"))
            .build()
            .unwrap();
        let mut events = server.events();
        let endpoint = server.bind(place).await.unwrap();
        let good = Socket::builder()
            .dial_layer(TokenLayer(b"open up!"))
            .build()
            .unwrap();
        good.connect(endpoint.clone()).unwrap();
        talk(&good, &server).await;

        let bad = Socket::builder()
            .dial_layer(TokenLayer(b"let's go"))
            .build()
            .unwrap();
        let mut theirs = bad.events();
        bad.connect(endpoint.clone()).unwrap();
        let (at, _, error) = accept_failed(&mut events).await;
        assert_eq!(at, endpoint);
        assert_eq!(cause(&error, &endpoint).to_string(), "a wrong token");
        let (at, error) = dial_failed(&mut theirs).await;
        assert_eq!(at, endpoint);
        assert_eq!(cause(&error, &endpoint).to_string(), "a wrong token");
        bad.close(Duration::ZERO).await;

        // One that knows of no tokens.
        let plain = Socket::new().unwrap();
        let mut theirs = plain.events();
        plain.connect(endpoint.clone()).unwrap();
        dial_failed(&mut theirs).await;
        plain.close(Duration::ZERO).await;

        talk(&good, &server).await;
        talk(&server, &good).await;
        assert_eq!(server.stats().connections, 1);
    }
}

// ===== another stream =====

/// Puts a proxy within this process between the stream and the socket. For both
/// paths.
fn proxied(
    count: &Arc<AtomicUsize>,
) -> AndThenLayer<impl Fn(Io) -> Ready<Result<Io, Error>> + Clone + use<>> {
    let count = Arc::clone(count);
    AndThenLayer::new(move |mut io: Io| {
        let (near, mut far) = duplex(4096);
        let count = Arc::clone(&count);
        tokio::spawn(async move {
            // It ends as one of the two does.
            let _ = copy_bidirectional(&mut far, &mut io).await;
            count.fetch_add(1, Ordering::Relaxed);
        });
        let info = IoInfo::new(RemoteAddr::Mem("proxy".into()));
        ready(Ok(Io::new(near, info)))
    })
}

#[tokio::test]
async fn a_layer_replaces_the_stream() {
    let ended = Arc::new(AtomicUsize::new(0));
    let server = Socket::builder()
        .accept_layer(proxied(&ended))
        .build()
        .unwrap();
    let socket = Socket::builder()
        .dial_layer(proxied(&ended))
        .build()
        .unwrap();
    socket
        .connect(server.bind("127.0.0.1:0").await.unwrap())
        .unwrap();
    talk(&socket, &server).await;
    talk(&server, &socket).await;
    let large: Vec<u8> = (0..500_000_u32).flat_map(u32::to_be_bytes).collect();
    for (from, to) in [(&socket, &server), (&server, &socket)] {
        for _ in 0..5 {
            from.send(large.clone()).await.unwrap();
        }
        for _ in 0..5 {
            // Not `assert_eq`, which would print them.
            assert!(within("a message", to.recv()).await.unwrap() == large);
        }
        let peers = from.peers();
        assert_eq!(peers[0].remote, RemoteAddr::Mem("proxy".into()));
    }
    assert!(socket.close(SECOND * 20).await.is_clean());
    until("the end of both proxies", || {
        ended.load(Ordering::Relaxed) == 2
    })
    .await;
}

/// A layer may say where an endpoint is, anew with each try.
#[tokio::test]
async fn a_layer_redirects_to_where_the_service_is_now() {
    let servers = servers(2).await;
    let now = Arc::new(Mutex::new(servers[0].1.clone()));
    let registry = Arc::clone(&now);
    let socket = eager()
        .dial_layer(MapRequestLayer::new(
            move |endpoint: Endpoint| match endpoint.to_string().as_str() {
                "mem://jobs" => registry.lock().unwrap().clone(),
                _ => endpoint,
            },
        ))
        .build()
        .unwrap();
    socket.connect("mem://jobs").unwrap();
    talk(&socket, &servers[0].0).await;
    // It is known by the name under which it was asked for.
    assert_eq!(socket.peers()[0].endpoint.to_string(), "mem://jobs");

    *now.lock().unwrap() = servers[1].1.clone();
    let mut events = socket.events();
    servers[0].0.close(SECOND).await;
    event(&mut events, "the move", |event| {
        matches!(event, Event::PeerUp { .. }).then_some(())
    })
    .await;
    talk(&socket, &servers[1].0).await;
}

/// The connector itself may be another: a layer need not call what it is put
/// around.
#[tokio::test]
async fn a_connector_of_ones_own() {
    let (server, endpoint) = receiver().await;
    let port = endpoint.port().unwrap();
    let resolving = layer_fn(|_: aiomsg::layer::DialPath| {
        Connector::new().resolve_with(|host, port| async move {
            assert_eq!(host, "jobs.example");
            Ok(vec![([127, 0, 0, 1], port).into()])
        })
    });
    let socket = Socket::builder().dial_layer(resolving).build().unwrap();
    socket.connect(Endpoint::tcp("jobs.example", port)).unwrap();
    talk(&socket, &server).await;
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

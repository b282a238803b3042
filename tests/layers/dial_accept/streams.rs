//! Layers that use the byte stream, or replace it.

use super::*;

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

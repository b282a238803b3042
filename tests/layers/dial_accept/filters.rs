//! Filters, load shedding and mapped errors.

use super::*;

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

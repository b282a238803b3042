use super::*;

fn to(addresses: &[SocketAddr]) -> Resolver {
    let addresses = addresses.to_vec();
    Resolver::new(move |_, _| std::future::ready(Ok(addresses.clone())))
}

/// An address that nobody listens on.
fn dead(host: &str) -> SocketAddr {
    let listener = std::net::TcpListener::bind((host, 0)).unwrap();
    listener.local_addr().unwrap()
}

/// Only the first address was ever tried, so "localhost" failed wherever
/// it is `::1` first and the server listens on 127.0.0.1.
#[tokio::test]
async fn a_later_address_is_tried() {
    let listener = bind(&Resolver::default(), "127.0.0.1", 0, 8).await.unwrap();
    let alive = listener.local_addr().unwrap();
    let refused = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], alive.port()));

    let (stream, address) = connect(&to(&[refused, alive]), "localhost", alive.port())
        .await
        .unwrap();

    assert_eq!(address, alive);
    assert!(stream.nodelay().unwrap());
}

#[tokio::test]
async fn each_address_is_named_with_its_error() {
    let (one, other) = (dead("127.0.0.1"), dead("127.0.0.1"));
    let error = connect(&to(&[one, other]), "two.test", 1)
        .await
        .unwrap_err();

    assert!(error.is_io(), "{error}");
    let io = error.io().unwrap();
    assert_eq!(io.kind(), io::ErrorKind::ConnectionRefused);
    for part in [one.to_string(), other.to_string(), "refused".into()] {
        assert!(error.chain().to_string().contains(&part), "{error}");
    }
}

/// A client that dialled a dead port of this machine reached itself, and
/// left the port taken for a minute: the server could not start.
#[tokio::test]
async fn a_connection_to_itself_is_a_failed_dial_and_frees_the_port() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    // The port that the system chose for our end is that of the server.
    let stream = socket.connect(address).await.unwrap();
    assert_eq!(stream.local_addr().unwrap(), stream.peer_addr().unwrap());

    let error = not_itself(&stream).unwrap_err();
    drop(stream);

    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert!(error.to_string().contains("to itself"), "{error}");
    // Without the option that looks past what lingers.
    let server = TcpSocket::new_v4().unwrap();
    server.bind(address).unwrap();
    server.listen(8).unwrap();
}

/// The system says "invalid argument", and nothing of a zone.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_zone_that_is_missing_is_said_to_be() {
    let resolver = Resolver::default();
    let connected = connect(&resolver, "fe80::1", 7).await.unwrap_err();
    let bound = bind(&resolver, "fe80::1", 0, 8).await.unwrap_err();
    for error in [connected, bound] {
        assert!(
            error.chain().to_string().contains("needs its zone"),
            "{error}"
        );
    }
    assert!(!lacks_zone(&"[fe80::1%2]:7".parse().unwrap()));
    assert!(!lacks_zone(&"[::1]:7".parse().unwrap()));
}

#[tokio::test]
async fn an_address_that_is_not_ours_is_passed_over_when_binding() {
    // From the block that is kept for documentation.
    let foreign = "192.0.2.1:0".parse().unwrap();
    let listener = bind(&to(&[foreign, dead("127.0.0.1")]), "two.test", 0, 8)
        .await
        .unwrap();
    assert!(listener.local_addr().unwrap().ip().is_loopback());
}

/// "localhost" is two addresses, and a peer may try either alone.
#[tokio::test]
async fn all_addresses_are_bound_to_one_port() {
    let both = ["127.0.0.1:0", "127.0.0.2:0"].map(|at| at.parse().unwrap());
    let mut listeners = bind(&to(&both), "two.test", 0, 8).await.unwrap();
    let port = listeners.local_addr().unwrap().port();
    for host in ["127.0.0.1", "127.0.0.2"] {
        let peer = TcpStream::connect((host, port)).await.unwrap();
        let accepted = std::future::poll_fn(|cx| listeners.poll_accept(cx)).await;
        assert_eq!(accepted.unwrap().1, peer.local_addr().unwrap());
    }
}

#[tokio::test]
async fn a_port_in_use_is_not_evaded_by_another_address() {
    let taken = bind(&Resolver::default(), "127.0.0.1", 0, 8).await.unwrap();
    let taken = taken.local_addr().map(|at| (taken, at)).unwrap();

    for addresses in [[taken.1, dead("127.0.0.1")], [dead("127.0.0.1"), taken.1]] {
        let port = taken.1.port();
        let addresses = addresses.map(|at| SocketAddr::new(at.ip(), port));
        let error = bind(&to(&addresses), "two.test", port, 8)
            .await
            .unwrap_err();
        assert!(error.chain().to_string().contains("in use"), "{error}");
    }
    let error = bind(&to(&[taken.1]), "one.test", taken.1.port(), 8)
        .await
        .unwrap_err();

    let io = error.io().unwrap();
    assert_eq!(io.kind(), io::ErrorKind::AddrInUse);
    assert!(error.chain().to_string().contains("in use"), "{error}");
}

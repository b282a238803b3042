//! Connections on which nothing is said.

use super::*;

/// Each end drops the other after 15 s without a frame. All four kinds of
/// peers at once, because this takes its real time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keep_idle_connections_up() {
    let socket = Socket::new().unwrap();
    let mut events = socket.events();
    let mut peers = Vec::new();
    for (name, version, binds) in [
        ("2019, which binds", Version::V2019, Binds::Them),
        ("2019 that connects", Version::V2019, Binds::Us),
        ("2026, which binds", Version::V2026, Binds::Them),
        ("2026 that connects", Version::V2026, Binds::Us),
    ] {
        let name = Identity::new(name.as_bytes().first_chunk::<16>().unwrap()).unwrap();
        let builder = Peer::builder(version).identity(name.as_bytes());
        peers.push((name, join(&socket, builder, binds).await));
    }
    let idle = Duration::from_secs(17);
    let ended = async {
        loop {
            let event = events.next().await.expect("the socket is open");
            if matches!(event, Event::PeerDown { .. }) {
                return event;
            }
        }
    };
    let ended = timeout(idle, ended).await;
    assert!(ended.is_err(), "{ended:?}");
    for (name, peer) in &peers {
        talk(&socket, peer, name).await;
    }
    assert_eq!(socket.stats().connections, 4);
}

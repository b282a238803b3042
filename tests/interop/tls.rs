//! Mutual TLS with certificates as the cookbook makes them.

use super::*;
use crate::authority::{Authority, Wanted};
use crate::support::python::{Certificate, Tls, certificate};
use aiomsg::TlsConfig;
use std::path::{Path, PathBuf};

/// Each end has a certificate of its own, and trusts exactly the other's.
async fn messages_in_both_directions(version: Version, binds: Binds) {
    let dir = directory("messages", version, binds);
    let ours = certificate(&dir, "ours");
    let theirs = certificate(&dir, "theirs");
    let socket = socket(&ours, &theirs);
    let builder = Peer::builder(version).tls(peer_tls(&theirs, &ours));
    let peer = join_tls(&socket, builder, binds).await;
    let info = socket.peers().remove(0);
    assert_eq!(info.dialect, dialect(version));
    assert!(info.tls.is_some());
    talk(&socket, &peer, &info.identity).await;
    peer.echo().await;
    let large: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
    for n in 0..10 {
        socket.send(large.clone()).await.unwrap();
        // Which they do not know.
        let message = aiomsg::Outbound::new(n.to_string()).header("a", "b");
        socket.send_message(message).await.unwrap();
    }
    for n in 0..10 {
        // Not `assert_eq`, which would print them.
        assert!(recv(&socket).await == large);
        assert_eq!(recv(&socket).await, n.to_string());
    }
}

/// The cookbook's setting: one certificate, which both ends have and trust. A
/// peer with another one stays out, and one with the right one comes in beside
/// it.
async fn a_wrong_certificate_is_refused(version: Version, binds: Binds) {
    let dir = directory("refused", version, binds);
    let right = certificate(&dir, "right");
    let wrong = certificate(&dir, "wrong");
    let socket = socket(&right, &right);
    let mut events = socket.events();
    let stranger = Peer::builder(version).tls(peer_tls(&wrong, &right));
    let good = Peer::builder(version).tls(peer_tls(&right, &right));
    let (stranger, good) = match binds {
        Binds::Us => {
            let at = address(&socket.bind(TLS_LOOPBACK).await.unwrap());
            let stranger = stranger.connect(&at).start().await;
            let error = event(&mut events, "the refusal", |event| match event {
                Event::AcceptFailed { error, .. } => Some(error),
                _ => None,
            })
            .await;
            assert!(error.is_tls(), "{error}");
            (stranger, good.connect(&at).start().await)
        }
        Binds::Them => {
            let stranger = stranger.bind(LOOPBACK).start().await;
            socket.connect(tls_endpoint_of(&stranger)).unwrap();
            let error = dial_failed(&mut events).await;
            assert!(error.is_tls(), "{error}");
            let good = good.bind(LOOPBACK).start().await;
            socket.connect(tls_endpoint_of(&good)).unwrap();
            (stranger, good)
        }
    };
    connected(&socket, 1).await;
    good.wait_for_peers(1).await;
    let who = only_peer(&socket);
    talk(&socket, &good, &who).await;
    let message = stranger.try_recv_for(Duration::ZERO).await;
    assert_eq!(message, None);
    assert_eq!(socket.stats().connections, 1);
}

/// Where it is ours that they do not trust, we go on trying, and say so. Some
/// versions of Python end such a connection without the alert that says why.
async fn ours_may_be_the_one_that_is_refused(version: Version) {
    let dir = directory("ours-refused", version, Binds::Them);
    let right = certificate(&dir, "right");
    let wrong = certificate(&dir, "wrong");
    let peer = Peer::builder(version)
        .tls(peer_tls(&right, &right))
        .bind(LOOPBACK)
        .start()
        .await;
    let stranger = socket(&wrong, &right);
    let mut events = stranger.events();
    stranger.connect(tls_endpoint_of(&peer)).unwrap();
    for _ in 0..2 {
        let error = dial_failed(&mut events).await;
        assert!(error.is_tls() || error.is_disconnected(), "{error}");
    }

    let good = socket(&right, &right);
    good.connect(tls_endpoint_of(&peer)).unwrap();
    connected(&good, 1).await;
    peer.wait_for_peers(1).await;
    let who = only_peer(&good);
    talk(&good, &peer, &who).await;
    assert_eq!(stranger.stats().connections, 0);
}

/// It was said that something may have been cut off, and that it is not aiomsg.
async fn a_server_that_demands_a_certificate_is_said_to(version: Version) {
    let dir = directory("demands", version, Binds::Them);
    let theirs = certificate(&dir, "theirs");
    let peer = Peer::builder(version)
        .tls(peer_tls(&theirs, &theirs))
        .bind(LOOPBACK)
        .start()
        .await;
    let tls = aiomsg::TlsConfig::builder().pin_file(&theirs.cert).build();
    let stranger = Socket::builder().tls(tls.unwrap()).build().unwrap();
    let mut events = stranger.events();
    stranger.connect(tls_endpoint_of(&peer)).unwrap();
    for _ in 0..3 {
        let error = dial_failed(&mut events).await;
        let said = error.chain().to_string();
        assert!(error.is_tls(), "{said}");
        assert!(
            said.contains("demand") && said.contains("certificate_files"),
            "{said}"
        );
    }
}

/// A private authority: a root, which is what both ends trust, an authority
/// below it, and a certificate from that for each end. Each presents its own and
/// that of the authority in between.
async fn an_authority_of_ones_own(version: Version, binds: Binds) {
    let dir = directory("authority", version, binds);
    let root = Authority::root("our root");
    let between = root.intermediate("our authority in between");
    std::fs::write(dir.join("root.cert"), root.pem()).unwrap();
    let [ours, theirs] = ["ours", "theirs"].map(|name| {
        let issued = between.issue(Wanted::named(name));
        let (cert, key) = (format!("{name}.cert"), format!("{name}.key"));
        let certificate = Certificate {
            cert: dir.join(cert),
            key: dir.join(key),
        };
        std::fs::write(&certificate.cert, issued.chain).unwrap();
        std::fs::write(&certificate.key, issued.key).unwrap();
        certificate
    });
    let root = Certificate {
        cert: dir.join("root.cert"),
        key: dir.join("none"),
    };
    let socket = socket(&ours, &root);
    let builder = Peer::builder(version).tls(peer_tls(&theirs, &root));
    let peer = join_tls(&socket, builder, binds).await;
    let info = socket.peers().remove(0);
    let certificate = info.certificate().expect("it has presented one");
    assert_eq!(certificate.common_name(), Some("theirs"));
    talk(&socket, &peer, &info.identity).await;
}

/// Pinned, and nothing else trusted: the certificates of the cookbook again.
async fn pinned_certificates(version: Version, binds: Binds) {
    let dir = directory("pinned", version, binds);
    let ours = certificate(&dir, "ours");
    let theirs = certificate(&dir, "theirs");
    let tls = TlsConfig::builder()
        .certificate_files(&ours.cert, &ours.key)
        .pin_file(&theirs.cert)
        .build()
        .unwrap();
    let socket = Socket::builder().tls(tls).build().unwrap();
    let builder = Peer::builder(version).tls(peer_tls(&theirs, &ours));
    let peer = join_tls(&socket, builder, binds).await;
    let who = only_peer(&socket);
    talk(&socket, &peer, &who).await;
}

each_version_and_role!(
    messages_in_both_directions,
    a_wrong_certificate_is_refused,
    an_authority_of_ones_own,
    pinned_certificates,
);
each_version!(
    a_server_that_demands_a_certificate_is_said_to,
    ours_may_be_the_one_that_is_refused
);

pub(crate) const TLS_LOOPBACK: &str = "tls://127.0.0.1:0";

pub(crate) fn tls_endpoint_of(peer: &Peer) -> Endpoint {
    Endpoint::tls("127.0.0.1", peer.port())
}

pub(crate) async fn join_tls(socket: &Socket, peer: PeerBuilder, binds: Binds) -> Peer {
    let peer = match binds {
        Binds::Us => {
            let endpoint = socket.bind(TLS_LOOPBACK).await.unwrap();
            peer.connect(address(&endpoint)).start().await
        }
        Binds::Them => {
            let peer = peer.bind(LOOPBACK).start().await;
            socket.connect(tls_endpoint_of(&peer)).unwrap();
            peer
        }
    };
    connected(socket, 1).await;
    peer.wait_for_peers(1).await;
    peer
}

pub(crate) fn socket(own: &Certificate, trusted: &Certificate) -> Socket {
    let tls = TlsConfig::builder()
        .certificate_files(&own.cert, &own.key)
        .trust_file(&trusted.cert)
        .build()
        .unwrap();
    Socket::builder().tls(tls).build().unwrap()
}

pub(crate) fn peer_tls(own: &Certificate, trusted: &Certificate) -> Tls {
    Tls::new(&own.cert, &own.key, &trusted.cert)
}

async fn dial_failed(events: &mut Events) -> std::sync::Arc<aiomsg::Error> {
    event(events, "the refusal", |event| match event {
        Event::DialFailed { error, .. } => Some(error),
        _ => None,
    })
    .await
}

/// A directory for the certificates of one test.
pub(crate) fn directory(test: &str, version: Version, binds: Binds) -> PathBuf {
    let name = format!("interop-tls-{test}-{version:?}-{binds:?}");
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

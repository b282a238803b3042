//! Payloads that are something else in the dialect of 2019, and large ones.

use super::*;
use crate::support::python::Guarantee;
use aiomsg::DeliveryGuarantee;

/// Payloads that a peer of 2019 takes for the end of the connection, for a
/// heartbeat, for a request or for an acknowledgement; and such that nearly
/// are.
fn ambiguous() -> Vec<Vec<u8>> {
    let shaped = |tail: &[u8]| [b"0123456789abcdef", tail].concat();
    vec![
        b"".to_vec(),
        b"aiomsg-heartbeat".to_vec(),
        b"aiomsg-heartbeats".to_vec(),
        shaped(b"\0REQ\0"),
        shaped(b"\0REQ\0and more"),
        shaped(b"\0REP\0"),
        shaped(b"\0REP\0and more"),
        shaped(b"\0REQ"),
        shaped(b"\0RES\0"),
        // A header in the payload of a header.
        shaped(b"\0REQ\0fedcba9876543210\0REQ\0"),
        b"\0".to_vec(),
        b"plain".to_vec(),
    ]
}

/// Pitfalls 1 and 2.
async fn ambiguous_ones_of_ours(version: Version, binds: Binds) {
    for guarantee in [
        DeliveryGuarantee::AtMostOnce,
        DeliveryGuarantee::AtLeastOnce,
    ] {
        let socket = Socket::builder()
            .delivery_guarantee(guarantee)
            .build()
            .unwrap();
        let mut events = socket.events();
        let peer = join(&socket, Peer::builder(version), binds).await;
        let who = only_peer(&socket);
        for payload in ambiguous() {
            socket.send(payload).await.unwrap();
        }
        for payload in ambiguous() {
            assert_eq!(heard_by(&peer, &socket).await, payload, "{guarantee:?}");
        }
        // The same connection still, on which they answer, with no message
        // that was an acknowledgement to them.
        talk(&socket, &peer, &who).await;
        assert_eq!(socket.stats().received_messages, 1);
        until("all acknowledgements", || {
            socket.stats().unacknowledged_messages == 0
        })
        .await;
        while let Ok(Some(event)) = timeout(Duration::ZERO, events.next()).await {
            assert!(!matches!(event, Event::PeerDown { .. }), "{event:?}");
        }
    }
}

/// What 2019 sends without a header is lost in its own hands; with one, and in
/// v1, it arrives.
async fn ambiguous_ones_of_theirs(version: Version, binds: Binds) {
    let builder = Peer::builder(version).guarantee(match version {
        Version::V2019 => Guarantee::AtLeastOnce,
        Version::V2026 => Guarantee::AtMostOnce,
    });
    let socket = Socket::new().unwrap();
    let peer = join(&socket, builder, binds).await;
    for payload in ambiguous() {
        peer.send(&payload).await;
    }
    for payload in ambiguous() {
        assert_eq!(recv(&socket).await, payload);
    }
    let who = only_peer(&socket);
    talk(&socket, &peer, &who).await;
}

async fn large_ones(version: Version, binds: Binds) {
    let socket = Socket::new().unwrap();
    let peer = join(&socket, Peer::builder(version), binds).await;
    peer.echo().await;
    // No two stretches of it are alike, so that a part out of place shows.
    let large: Vec<u8> = (0..750_000_u32).flat_map(u32::to_be_bytes).collect();
    for _ in 0..2 {
        socket.send(large.clone()).await.unwrap();
        socket.send("small").await.unwrap();
    }
    for _ in 0..2 {
        // Not `assert_eq`, which would print them.
        let heard = heard_by(&peer, &socket).await;
        assert!(heard == large, "{} bytes came", heard.len());
        assert_eq!(heard_by(&peer, &socket).await, b"small");
        let echo = recv(&socket).await;
        assert!(echo == large, "{} bytes came back", echo.len());
        assert_eq!(recv(&socket).await, "small");
    }
}

each_version_and_role!(ambiguous_ones_of_ours, ambiguous_ones_of_theirs, large_ones);

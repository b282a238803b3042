//! Headers, which the Python libraries do not know: 2026.7.1 skips them, and 2019.12.1 never
//! sees them.

use super::*;
use crate::support::python::Guarantee;
use aiomsg::{DeliveryGuarantee, Outbound};

const COUNT: u64 = 10_000;

/// Every second message has headers.
fn message(n: u64) -> Outbound {
    let plain = Outbound::new(n.to_string());
    match n % 2 {
        0 => plain.header("number", &n.to_string()).header("empty", ""),
        _ => plain,
    }
}

fn with(guarantee: DeliveryGuarantee) -> Socket {
    let builder = Socket::builder().delivery_guarantee(guarantee);
    builder.build().unwrap()
}

/// Their echo of each message comes, in order, on the first connection.
async fn do_no_harm(version: Version, binds: Binds) {
    let socket = with(DeliveryGuarantee::AtMostOnce);
    let peer = join(&socket, Peer::builder(version), binds).await;
    peer.echo().await;
    let mut events = socket.events();
    let send = async {
        for n in 0..COUNT {
            socket.send_message(message(n)).await.unwrap();
        }
    };
    let echoes = async {
        for n in 0..COUNT {
            let echo = within("an echo", socket.recv_message()).await.unwrap();
            assert_eq!(echo.payload(), n.to_string().as_bytes());
            assert!(echo.headers().is_empty());
        }
    };
    tokio::join!(send, echoes);
    let left_out = match version {
        Version::V2019 => COUNT / 2,
        Version::V2026 => 0,
    };
    assert_eq!(socket.stats().headers_left_out, left_out);
    while let Ok(Some(event)) = timeout(Duration::ZERO, events.next()).await {
        assert!(!matches!(event, Event::PeerDown { .. }), "{event:?}");
    }
}

/// Acknowledged both ways, whichever peer it is.
async fn are_acknowledged(version: Version, binds: Binds) {
    let socket = with(DeliveryGuarantee::AtLeastOnce);
    let builder = Peer::builder(version).guarantee(Guarantee::AtLeastOnce);
    let peer = join(&socket, builder, binds).await;
    peer.echo().await;
    for n in 0..200 {
        socket.send_message(message(n)).await.unwrap();
    }
    for n in 0..200 {
        assert_eq!(recv(&socket).await, n.to_string());
    }
    until("all acknowledgements", || {
        socket.stats().unacknowledged_messages == 0
    })
    .await;
}

each_version_and_role!(do_no_harm, are_acknowledged);

/// Over WebSocket, which 2026.7.1 accepts.
#[cfg(feature = "websocket")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn do_no_harm_over_websocket() {
    let peer = Peer::builder(Version::V2026).bind(LOOPBACK).start().await;
    peer.echo().await;
    let socket = with(DeliveryGuarantee::AtLeastOnce);
    let endpoint = format!("ws://127.0.0.1:{}/", peer.port());
    socket.connect(endpoint).unwrap();
    for n in 0..200 {
        socket.send_message(message(n)).await.unwrap();
    }
    for n in 0..200 {
        assert_eq!(recv(&socket).await, n.to_string());
    }
    assert!(socket.close(PATIENCE).await.is_clean());
}

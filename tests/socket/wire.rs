//! The bytes of a whole session, as a peer in another language sees them.

use super::*;
use aiomsg::builder::{Dialect, Dialects};
use aiomsg::message::MessageId;
use aiomsg::{DeliveryGuarantee, Identity};

const OURS: [u8; 16] = *b"our own identity";
const THEIRS: [u8; 16] = *b"another identity";

async fn bound_as(builder: aiomsg::SocketBuilder) -> (Socket, Endpoint) {
    let socket = builder.identity(OURS).build().unwrap();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    (socket, endpoint)
}

#[tokio::test]
async fn a_v1_session() {
    let (socket, endpoint) = bound_as(Socket::builder()).await;
    let mut peer = Raw::connect(&endpoint).await;
    peer.write(hello_v1(&THEIRS)).await;
    peer.expect(hello_v1(&OURS)).await;

    socket.send("hi").await.unwrap();
    peer.expect(b"\0\0\0\x03\x03hi").await;

    peer.write(b"\0\0\0\x04\x03you").await;
    let (from, message) = within("a message", socket.recv_identity()).await.unwrap();
    assert_eq!((from, &message[..]), (Identity::from(THEIRS), &b"you"[..]));

    peer.write(b"\0\0\0\x13\x040123456789abcdefxx").await;
    assert_eq!(socket.recv().await.unwrap(), "xx");
    peer.expect(b"\0\0\0\x11\x050123456789abcdef").await;
}

#[tokio::test]
async fn a_2019_session() {
    let (socket, endpoint) = bound_as(Socket::builder()).await;
    let mut peer = Raw::connect(&endpoint).await;
    peer.write(hello_2019(b"c1")).await;
    peer.expect(hello_2019(&OURS)).await;
    within("the peer", socket.wait_for_peers(1)).await.unwrap();
    assert_eq!(socket.peers()[0].dialect, Dialect::V2019);

    socket
        .send_to(Identity::new("c1").unwrap(), "hi")
        .await
        .unwrap();
    peer.expect(b"\0\0\0\x02hi").await;

    peer.write(b"\0\0\0\x170123456789abcdef\0REQ\0xx").await;
    assert_eq!(socket.recv().await.unwrap(), "xx");
    peer.expect(b"\0\0\0\x150123456789abcdef\0REP\0").await;
}

#[tokio::test(start_paused = true)]
async fn heartbeats_in_both_dialects() {
    for (hello, heartbeat) in [
        (hello_v1(&THEIRS), &b"\0\0\0\x01\x02"[..]),
        (hello_2019(&THEIRS), b"\0\0\0\x10aiomsg-heartbeat"),
    ] {
        let (_socket, endpoint) = bound_as(Socket::builder()).await;
        let mut peer = Raw::connect(&endpoint).await;
        peer.write(&hello).await;
        let ours = if hello[3] == 18 {
            hello_v1(&OURS)
        } else {
            hello_2019(&OURS)
        };
        peer.expect(&ours).await;
        peer.expect(heartbeat).await;
        peer.write(heartbeat).await;
        peer.expect(heartbeat).await;
    }
}

#[tokio::test]
async fn a_message_at_least_once_in_both_dialects() {
    for v1 in [true, false] {
        let builder = Socket::builder().delivery_guarantee(DeliveryGuarantee::AtLeastOnce);
        let (socket, endpoint) = bound_as(builder).await;
        let mut peer = Raw::connect(&endpoint).await;
        if v1 {
            peer.write(hello_v1(&THEIRS)).await;
            peer.expect(hello_v1(&OURS)).await;
        } else {
            peer.write(hello_2019(&THEIRS)).await;
            peer.expect(hello_2019(&OURS)).await;
        }
        socket.send("hi").await.unwrap();
        let mut frame = vec![0; if v1 { 23 } else { 27 }];
        within("the frame", peer.0.read_exact(&mut frame))
            .await
            .unwrap();
        let id: [u8; 16] = if v1 { &frame[5..21] } else { &frame[4..20] }
            .try_into()
            .unwrap();
        let (request, ack) = if v1 {
            (
                [&b"\0\0\0\x13\x04"[..], &id, b"hi"].concat(),
                [&b"\0\0\0\x11\x05"[..], &id].concat(),
            )
        } else {
            (
                [&b"\0\0\0\x17"[..], &id, b"\0REQ\0hi"].concat(),
                [&b"\0\0\0\x15"[..], &id, b"\0REP\0"].concat(),
            )
        };
        assert_eq!(frame, request);
        assert_eq!(socket.stats().unacknowledged_messages, 1);
        let stranger = MessageId::from_bytes([9; 16]);
        peer.write([&b"\0\0\0\x11\x05"[..], stranger.as_bytes()].concat())
            .await;
        peer.write(ack).await;
        within("the acknowledgement", async {
            while socket.stats().unacknowledged_messages > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

/// Pitfalls 1, 2: each payload arrives as it was sent, in both dialects.
#[tokio::test]
async fn no_payload_is_ambiguous() {
    let payloads: [&'static [u8]; 6] = [
        b"",
        b"aiomsg-heartbeat",
        b"0123456789abcdef\0REQ\0payload",
        b"0123456789abcdef\0REP\0",
        b"\x02",
        b"\0\0\0\x01\x02",
    ];
    for dialect in [Dialect::V1, Dialect::V2019] {
        let socket = || {
            Socket::builder()
                .dialects(Dialects::Only(dialect))
                .build()
                .unwrap()
        };
        let (a, b) = (socket(), socket());
        b.connect(a.bind("127.0.0.1:0").await.unwrap()).unwrap();
        for payload in payloads {
            a.send(payload).await.unwrap();
        }
        for payload in payloads {
            let got = within("a payload", b.recv()).await.unwrap();
            assert_eq!(got, payload);
        }
        let peer = b.peers()[0].identity.clone();
        b.send_to(peer, &b""[..]).await.unwrap();
        assert_eq!(within("a payload", a.recv()).await.unwrap(), "");
    }
}

#[tokio::test]
async fn identities_of_other_lengths_with_each_other() {
    let socket = |name: &str| {
        Socket::builder()
            .dialects(Dialects::Only(Dialect::V2019))
            .identity(Identity::new(name).unwrap())
            .build()
            .unwrap()
    };
    let (server, client) = (socket("server"), socket("a client with a rather long name"));
    client
        .connect(server.bind("127.0.0.1:0").await.unwrap())
        .unwrap();
    client.send("hello").await.unwrap();
    let (from, _) = within("a message", server.recv_identity()).await.unwrap();
    assert_eq!(from.as_bytes(), b"a client with a rather long name");
    server.send_to(from, "hello yourself").await.unwrap();
    assert_eq!(
        within("a reply", client.recv()).await.unwrap(),
        "hello yourself"
    );
}

/// Pitfall 1, as others write it: a frame without a byte is a message without
/// one, and the connection goes on.
#[tokio::test]
async fn an_empty_frame_is_an_empty_message_and_not_the_end() {
    for (hello, frames) in [
        (hello_v1(&THEIRS), &b"\0\0\0\x01\x03\0\0\0\x02\x03x"[..]),
        (hello_2019(&THEIRS), b"\0\0\0\0\0\0\0\x01x"),
    ] {
        let (socket, endpoint) = bound_as(Socket::builder()).await;
        let mut peer = Raw::connect(&endpoint).await;
        peer.write(hello).await;
        peer.write(frames).await;
        for payload in ["", "x"] {
            assert_eq!(within("a message", socket.recv()).await.unwrap(), payload);
        }
        assert_eq!(socket.stats().peers, 1);
    }
}

/// Pitfall 3: HELLO and DATA in one write. What was behind the handshake was
/// lost, or stuck until more came.
#[tokio::test]
async fn a_message_right_behind_the_handshake_arrives() {
    for (hello, data) in [
        (hello_v1(&THEIRS), &b"\0\0\0\x02\x03x"[..]),
        (hello_2019(&THEIRS), b"\0\0\0\x01x"),
    ] {
        let said = [&hello, data].concat();
        let (socket, endpoint) = bound_as(Socket::builder()).await;
        let mut connects = Raw::connect(&endpoint).await;
        connects.write(&said).await;
        assert_eq!(within("a message", socket.recv()).await.unwrap(), "x");

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = Socket::new().unwrap();
        socket.connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = within("the socket", listener.accept()).await.unwrap();
        let mut accepts = Raw(stream);
        accepts.write(&said).await;
        assert_eq!(within("a message", socket.recv()).await.unwrap(), "x");
    }
}

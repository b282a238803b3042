//! The bytes of a session by WebSocket, as a client in another language sees them.

use super::*;

use aiomsg::websocket::WebSocketGuard;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n";

const OURS: [u8; 16] = *b"our own identity";
const THEIRS: [u8; 16] = *b"another identity";

/// A close frame of a client with 1000, and one of a server.
const THEIR_CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xe8";
const OUR_CLOSE: &[u8] = b"\x88\x02\x03\xe8";

/// The first bytes of a binary message.
const BINARY: u8 = 0x82;
const PING: u8 = 0x89;

fn server() -> aiomsg::SocketBuilder {
    Socket::builder()
        .identity(OURS)
        .websocket(WebSocketGuard::new())
}

/// A frame of a client, with a mask that changes nothing.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..126 => frame.push(0x80 | len as u8),
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// A client that has made its upgrade and its handshake.
async fn joined(socket: &Socket) -> Raw {
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    let mut peer = Raw::connect(&endpoint).await;
    peer.write([REQUEST, &masked(BINARY, &hello_v1(&THEIRS))].concat())
        .await;
    peer.expect(ANSWER).await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within("the head", peer.0.read_u8()).await.unwrap());
    }
    peer.expect([&[BINARY, 22][..], &hello_v1(&OURS)].concat())
        .await;
    peer
}

#[tokio::test]
async fn a_session_with_messages_in_fragments_and_pings_between_them() {
    let socket = server().build().unwrap();
    let mut peer = joined(&socket).await;
    socket.send("hi").await.unwrap();
    peer.expect(b"\x82\x07\0\0\0\x03\x03hi").await;

    // Cut in the length of the frame, and in its id.
    peer.write(masked(0x02, b"\0\0")).await;
    peer.write(masked(PING, b"1")).await;
    peer.expect(b"\x8a\x011").await;
    peer.write(masked(0x00, b"\0\x13\x0401234567")).await;
    peer.write(masked(PING, b"2")).await;
    peer.expect(b"\x8a\x012").await;
    peer.write(masked(0x80, b"89abcdefxx")).await;
    assert_eq!(within("it", socket.recv()).await.unwrap(), "xx");
    peer.expect(b"\x82\x15\0\0\0\x11\x050123456789abcdef").await;
}

/// The answer to the close frame came first, and the acknowledgement was lost.
#[tokio::test]
async fn what_is_owed_goes_out_before_the_answer_to_a_close_frame() {
    let socket = server().build().unwrap();
    let mut peer = joined(&socket).await;
    let message = masked(BINARY, b"\0\0\0\x13\x040123456789abcdefxx");
    peer.write([&message, THEIR_CLOSE].concat()).await;
    peer.expect(b"\x82\x15\0\0\0\x11\x050123456789abcdef").await;
    peer.expect(OUR_CLOSE).await;
    assert_eq!(peer.closed().await, 0);
    assert_eq!(within("it", socket.recv()).await.unwrap(), "xx");
}

#[tokio::test]
async fn our_own_close_waits_for_the_answer() {
    let socket = server().build().unwrap();
    let mut peer = joined(&socket).await;
    socket.send("the last").await.unwrap();
    let closing = tokio::spawn(async move { socket.close(PATIENCE).await });
    peer.expect(b"\x82\x0d\0\0\0\x09\x03the last").await;
    peer.expect(OUR_CLOSE).await;
    assert!(!closing.is_finished());
    peer.write(THEIR_CLOSE).await;
    assert_eq!(peer.closed().await, 0);
    assert!(within("the end", closing).await.unwrap().is_clean());
}

/// A close frame before the handshake is answered, too.
#[tokio::test]
async fn a_client_may_close_as_soon_as_it_is_upgraded() {
    let socket = server().build().unwrap();
    let mut events = socket.events();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    let mut peer = Raw::connect(&endpoint).await;
    peer.write([REQUEST, THEIR_CLOSE].concat()).await;
    let mut all = Vec::new();
    within("the end", peer.0.read_to_end(&mut all))
        .await
        .unwrap();
    assert!(all.starts_with(ANSWER) && all.ends_with(OUR_CLOSE));
    let error = bad_input::refused(&mut events).await;
    assert!(error.is_disconnected(), "{error}");
}

#[tokio::test]
async fn a_message_of_64_mebibytes_may_be_one_frame() {
    let socket = server().build().unwrap();
    let mut peer = joined(&socket).await;
    let large = vec![7; 64 << 20];
    let body = (large.len() as u32 + 1).to_be_bytes();
    let frame = masked(BINARY, &[&body[..], b"\x03", &large].concat());
    let (came, ()) = tokio::join!(socket.recv(), peer.write(&frame));
    // Not `assert_eq`, which would print them.
    assert!(came.unwrap() == large);
}

/// It is ended by the deadline of the handshake, and nobody waits for it.
#[tokio::test]
async fn a_half_written_upgrade_has_no_longer_than_a_handshake() {
    let deadline = Duration::from_millis(300);
    let socket = server().handshake_timeout(deadline).build().unwrap();
    let mut events = socket.events();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    for half in [1, 30, REQUEST.len() - 1] {
        let mut peer = Raw::connect(&endpoint).await;
        peer.write(&REQUEST[..half]).await;
        let client = Socket::new().unwrap();
        client
            .connect(format!("ws://127.0.0.1:{}/", endpoint.port().unwrap()))
            .unwrap();
        client.send("hi").await.unwrap();
        assert_eq!(within("a good one's", socket.recv()).await.unwrap(), "hi");
        let error = bad_input::refused(&mut events).await;
        assert!(error.is_timeout(), "{error}");
        assert_eq!(peer.closed().await, 0);
    }
}

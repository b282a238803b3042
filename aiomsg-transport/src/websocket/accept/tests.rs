use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep, timeout};

use super::*;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn accepting() -> (Accepting<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(20_000);
    (Accepting::new(near, Arc::default()), far)
}

async fn answer(far: &mut DuplexStream) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(far.read_u8().await.unwrap());
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_raw_peer_passes_through() {
    for first in [&b"\0\0\0\x12\x01\x01"[..], b"\x16\x03", b"garbage", b"GEN"] {
        let (mut near, mut far) = accepting();
        far.write_all(first).await.unwrap();
        let mut came = vec![0; first.len()];
        near.read_exact(&mut came).await.unwrap();
        assert_eq!(came, first);
        near.write_all(b"answer").await.unwrap();
        let mut came = [0; 6];
        far.read_exact(&mut came).await.unwrap();
        assert_eq!(&came, b"answer");
        drop(far);
        assert_eq!(near.read(&mut came).await.unwrap(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_is_understood_when_it_is_cut_at_any_byte() {
    let all = [REQUEST, b"\x82\x85\0\0\0\0Hello"].concat();
    for cut in 1..all.len() {
        let (mut near, mut far) = accepting();
        let (one, other) = all.split_at(cut);
        let peer = async {
            far.write_all(one).await.unwrap();
            sleep(Duration::from_secs(3)).await;
            far.write_all(other).await.unwrap();
            assert!(answer(&mut far).await.starts_with("HTTP/1.1 101 "));
            let mut frame = [0; 4];
            far.read_exact(&mut frame).await.unwrap();
            assert_eq!(&frame, b"\x82\x02ok");
        };
        let us = async {
            let mut hello = [0; 5];
            near.read_exact(&mut hello).await.unwrap();
            assert_eq!(&hello, b"Hello");
            near.write_all(b"ok").await.unwrap();
            near.flush().await.unwrap();
        };
        tokio::join!(peer, us);
    }
}

/// We may have something to say first: a socket with one dialect does. A browser must not get
/// that before it was upgraded.
#[tokio::test(start_paused = true)]
async fn what_we_say_first_waits_for_the_first_byte_of_the_peer() {
    let (mut near, mut far) = accepting();
    let us = async {
        near.write_all(b"hello").await.unwrap();
        near.flush().await.unwrap();
    };
    let peer = async {
        sleep(Duration::from_millis(900)).await;
        far.write_all(REQUEST).await.unwrap();
        answer(&mut far).await;
        let mut frame = [0; 7];
        far.read_exact(&mut frame).await.unwrap();
        assert_eq!(&frame, b"\x82\x05hello");
    };
    tokio::join!(us, peer);
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_a_raw_one_after_a_second() {
    let (mut near, mut far) = accepting();
    let start = Instant::now();
    near.write_all(b"hello").await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    let mut came = [0; 5];
    far.read_exact(&mut came).await.unwrap();
    assert_eq!(&came, b"hello");
    far.write_all(b"GET ").await.unwrap();
    assert_eq!(near.read(&mut came).await.unwrap(), 4, "it is raw for good");
}

#[tokio::test(start_paused = true)]
async fn a_half_written_upgrade_waits_and_ends_with_the_peer() {
    let (mut near, mut far) = accepting();
    far.write_all(&REQUEST[..30]).await.unwrap();
    let mut piece = [0; 100];
    let waited = timeout(Duration::from_secs(60), near.read(&mut piece)).await;
    assert!(waited.is_err(), "the handshake's deadline ends it");
    drop(far);
    // What it has sent is no aiomsg handshake, and is refused as such.
    assert_eq!(near.read(&mut piece).await.unwrap(), 30);
    assert_eq!(near.read(&mut piece).await.unwrap(), 0);
}

#[tokio::test]
async fn a_request_without_an_upgrade_gets_one_line_and_an_end() {
    let (mut near, mut far) = accepting();
    far.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let error = near.read(&mut [0; 10]).await.unwrap_err();
    let error = crate::io::explain(error);
    assert!(error.is_protocol(), "{error}");
    let chain = error.chain().to_string();
    assert!(chain.contains("426 Upgrade Required"), "{chain}");
    let mut answer = String::new();
    far.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("HTTP/1.1 426 Upgrade Required\r\n"),
        "{head}"
    );
    assert_eq!(
        body,
        "an aiomsg socket listens here: connect with aiomsg, or by WebSocket\n"
    );
}

#[tokio::test]
async fn a_head_without_an_end_is_refused() {
    let (mut near, mut far) = accepting();
    far.write_all(&[b"GET /", &vec![b'a'; 9000][..]].concat())
        .await
        .unwrap();
    near.read(&mut [0; 10]).await.unwrap_err();
    drop(near);
    let mut answer = String::new();
    far.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

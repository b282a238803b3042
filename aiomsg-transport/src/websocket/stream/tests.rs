use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

fn pair(room: usize) -> (WebSocketStream<DuplexStream>, WebSocketStream<DuplexStream>) {
    let (a, b) = duplex(room);
    (
        WebSocketStream::new(a, Role::Client, BytesMut::new()),
        WebSocketStream::new(b, Role::Server, BytesMut::new()),
    )
}

#[tokio::test]
async fn bytes_go_both_ways_whatever_room_is_between() {
    for room in [1, 7, 100, 100_000] {
        let (mut client, mut server) = pair(room);
        let sent: Vec<u8> = (0..20_000_u32).map(|at| at as u8).collect();
        let (mut up, mut down) = (vec![0; sent.len()], vec![0; sent.len()]);
        let near = async {
            client.write_all(&sent).await.unwrap();
            client.flush().await.unwrap();
            client.read_exact(&mut down).await.unwrap();
        };
        let far = async {
            server.read_exact(&mut up).await.unwrap();
            server.write_all(&up).await.unwrap();
            server.flush().await.unwrap();
        };
        tokio::join!(near, far);
        assert!(down == sent, "room for {room}");
    }
}

#[tokio::test]
async fn sixty_four_mebibytes_pass() {
    const SIZE: usize = 64 << 20;
    let (mut client, mut server) = pair(1 << 20);
    let send = async {
        let piece = vec![3; 1 << 20];
        for _ in 0..SIZE >> 20 {
            client.write_all(&piece).await.unwrap();
        }
        client.shutdown().await.unwrap();
    };
    let receive = async {
        let (mut all, mut piece) = (0, vec![0; 1 << 20]);
        loop {
            match server.read(&mut piece).await.unwrap() {
                0 => break all,
                len => all += len,
            }
        }
    };
    let ((), all) = tokio::join!(send, receive);
    assert_eq!(all, SIZE);
}

/// Either end may close first: both send a close frame, what was sent before it comes, also by
/// the end that answers, and the connection under it ends after the second one.
#[tokio::test]
async fn a_close_is_answered_by_either_end() {
    for client_first in [true, false] {
        let (client, server) = pair(1000);
        let (mut first, mut second) = match client_first {
            true => (client, server),
            false => (server, client),
        };
        first.write_all(b"last").await.unwrap();
        first.shutdown().await.unwrap();
        let mut last = Vec::new();
        second.read_to_end(&mut last).await.unwrap();
        assert_eq!(last, b"last");
        assert!(first.write_all(b"too late").await.is_err());
        second.write_all(b"owed").await.unwrap();
        second.shutdown().await.unwrap();
        assert!(second.write_all(b"too late").await.is_err());
        let mut owed = Vec::new();
        first.read_to_end(&mut owed).await.unwrap();
        assert_eq!(owed, b"owed");
        assert!(first.frames.unframer.is_closed() && first.frames.framer.is_closed());
        assert!(second.frames.unframer.is_closed() && second.frames.framer.is_closed());
        // The one that has seen both frames ends the connection.
        assert_eq!(first.io.read(&mut [0]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_ping_is_answered_while_only_reading() {
    let (near, mut far) = duplex(1000);
    let mut client = WebSocketStream::new(near, Role::Client, BytesMut::from(&b"\x89\x02hi"[..]));
    far.write_all(b"\x82\x04data").await.unwrap();
    let mut data = [0; 4];
    client.read_exact(&mut data).await.unwrap();
    assert_eq!(&data, b"data");
    let mut pong = [0; 8];
    far.read_exact(&mut pong).await.unwrap();
    assert_eq!(pong[..2], [0x8a, 0x82], "masked, with two bytes");
    let key: [u8; 4] = pong[2..6].try_into().unwrap();
    assert_eq!([pong[6] ^ key[0], pong[7] ^ key[1]], *b"hi");
}

/// Whatever a read ends with, the pings are answered, and the close frame with its code.
#[tokio::test]
async fn control_frames_between_fragments_are_answered_wherever_the_bytes_are_cut() {
    let all = [
        &b"\x02\x83\0\0\0\0in "[..],
        b"\x89\x81\0\0\0\0a",
        b"\x00\x80\0\0\0\0",
        b"\x8a\x81\0\0\0\0?",
        b"\x80\x84\0\0\0\0two ",
        b"\x88\x82\0\0\0\0\x03\xe9",
    ]
    .concat();
    for cut in 1..all.len() {
        let (near, mut far) = duplex(1000);
        let mut server = WebSocketStream::new(near, Role::Server, BytesMut::new());
        let peer = async {
            far.write_all(&all[..cut]).await.unwrap();
            tokio::task::yield_now().await;
            far.write_all(&all[cut..]).await.unwrap();
            let mut heard = Vec::new();
            far.read_to_end(&mut heard).await.unwrap();
            assert_eq!(heard, b"\x8a\x01a\x88\x02\x03\xe9", "cut at {cut}");
        };
        let us = async {
            let mut came = Vec::new();
            server.read_to_end(&mut came).await.unwrap();
            assert_eq!(came, b"in two ", "cut at {cut}");
            server.shutdown().await.unwrap();
        };
        tokio::join!(peer, us);
    }
}

#[tokio::test]
async fn a_peer_that_breaks_the_protocol_is_told_so() {
    for (bytes, code) in [(&b"\x81\x81\0\0\0\0a"[..], 1003), (b"\x82\x01a", 1002)] {
        let (near, mut far) = duplex(1000);
        let mut server = WebSocketStream::new(near, Role::Server, BytesMut::new());
        far.write_all(bytes).await.unwrap();
        let error = server.read(&mut [0; 10]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let mut close = [0; 4];
        far.read_exact(&mut close).await.unwrap();
        assert_eq!(close[..2], *b"\x88\x02");
        assert_eq!(u16::from_be_bytes([close[2], close[3]]), code);
    }
}

/// The pong was lost where the close came in the same piece.
#[tokio::test]
async fn a_ping_before_the_end_is_answered_before_it() {
    for (end, breaks) in [(&b"\x88\x80\0\0\0\0"[..], false), (b"\x82\x01a", true)] {
        let (near, mut far) = duplex(1000);
        let mut server = WebSocketStream::new(near, Role::Server, BytesMut::new());
        let ping = b"\x89\x82\0\0\0\0hi";
        far.write_all(&[&ping[..], end].concat()).await.unwrap();
        assert_eq!(server.read(&mut [0; 10]).await.is_err(), breaks);
        if !breaks {
            // The answer to a close frame is the end of our direction.
            server.shutdown().await.unwrap();
        }
        let mut pong = [0; 4];
        far.read_exact(&mut pong).await.unwrap();
        assert_eq!(&pong, b"\x8a\x02hi");
        assert_eq!(far.read_u8().await.unwrap(), 0x88);
    }
}

#[tokio::test]
async fn the_end_of_the_connection_without_a_close_frame_is_an_end() {
    let (near, mut far) = duplex(1000);
    let mut server = WebSocketStream::new(near, Role::Server, BytesMut::new());
    far.write_all(b"\x82\x85\0\0\0\0He").await.unwrap();
    drop(far);
    let mut came = Vec::new();
    server.read_to_end(&mut came).await.unwrap();
    assert_eq!(came, b"He");
}

#[tokio::test]
async fn what_came_before_a_broken_frame_is_read_whatever_the_pieces() {
    let (near, mut far) = duplex(1000);
    let mut server = WebSocketStream::new(near, Role::Server, BytesMut::new());
    far.write_all(b"\x82\x84\0\0\0\0good\x82\x03bad")
        .await
        .unwrap();
    let mut came = [0; 10];
    assert_eq!(server.read(&mut came).await.unwrap(), 4);
    assert_eq!(&came[..4], b"good");
    server.read(&mut came).await.unwrap_err();
    server.read(&mut came).await.unwrap_err();
}

/// The payload was lost when the pong to a ping behind it could not be written.
#[tokio::test]
async fn what_came_with_a_ping_is_read_when_the_peer_has_left() {
    let (near, mut far) = duplex(1000);
    let mut server = WebSocketStream::new(near, Role::Server, BytesMut::new());
    for text in [b"one", b"two"] {
        let data = [&b"\x82\x83\0\0\0\0"[..], text].concat();
        far.write_all(&data).await.unwrap();
        far.write_all(b"\x89\x80\0\0\0\0").await.unwrap();
    }
    drop(far);
    let mut came = Vec::new();
    server.read_to_end(&mut came).await.unwrap();
    assert_eq!(came, b"onetwo");
    server.flush().await.unwrap_err();
}

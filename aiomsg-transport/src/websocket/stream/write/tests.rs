use std::future::poll_fn;

use tokio::io::{AsyncReadExt, duplex};

use super::*;

async fn push(framer: &mut Framer, io: &mut (impl AsyncWrite + Unpin), bytes: &[&[u8]]) -> usize {
    let slices: Vec<_> = bytes.iter().map(|it| IoSlice::new(it)).collect();
    poll_fn(|cx| framer.poll_push(io, cx, &slices))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_server_sends_plain_frames_with_the_shortest_length() {
    for (len, head) in [
        (1, &b"\x82\x01"[..]),
        (125, b"\x82\x7d"),
        (126, b"\x82\x7e\0\x7e"),
        (65_535, b"\x82\x7e\xff\xff"),
        (65_536, b"\x82\x7f\0\0\0\0\0\x01\0\0"),
    ] {
        let (mut near, mut far) = duplex(100_000);
        let mut framer = Framer::new(Role::Server);
        let payload = vec![5; len];
        let (one, other) = payload.split_at(len / 3);
        assert_eq!(push(&mut framer, &mut near, &[one, other]).await, len);
        drop(near);
        let mut sent = Vec::new();
        far.read_to_end(&mut sent).await.unwrap();
        assert!(sent == [head, &payload].concat(), "{len} bytes");
    }
}

#[tokio::test]
async fn a_client_masks_each_frame_anew() {
    let (mut near, mut far) = duplex(1000);
    let mut framer = Framer::new(Role::Client);
    let mut keys = Vec::new();
    for _ in 0..3 {
        assert_eq!(push(&mut framer, &mut near, &[b"Hel", b"lo"]).await, 5);
        let mut frame = [0; 11];
        far.read_exact(&mut frame).await.unwrap();
        assert_eq!(frame[..2], [0x82, 0x85]);
        let key: [u8; 4] = frame[2..6].try_into().unwrap();
        Mask::new(key).apply(&mut frame[6..]);
        assert_eq!(&frame[6..], b"Hello");
        keys.push(key);
    }
    assert!(keys[0] != keys[1] || keys[1] != keys[2]);
}

/// A slow peer holds back at most one frame, and pings do not add to that.
#[tokio::test]
async fn what_waits_is_bounded() {
    let (mut near, _far) = duplex(16);
    let mut framer = Framer::new(Role::Server);
    let bytes = vec![1; 1 << 20];
    assert_eq!(push(&mut framer, &mut near, &[&bytes]).await, MAX_FRAME);
    for at in 0..10_000_u32 {
        framer.pong(at.to_be_bytes().to_vec());
        let pushed = poll_fn(|cx| {
            Poll::Ready(
                framer
                    .poll_push(&mut near, cx, &[IoSlice::new(&bytes)])
                    .is_ready(),
            )
        });
        assert!(!pushed.await);
    }
    assert!(framer.out.len() <= MAX_FRAME + 14);
}

#[tokio::test]
async fn nothing_follows_a_close_frame() {
    let (mut near, mut far) = duplex(1000);
    let mut framer = Framer::new(Role::Server);
    framer.close(1000);
    framer.close(1002);
    framer.pong(b"late".to_vec());
    poll_fn(|cx| framer.poll_drain(&mut near, cx))
        .await
        .unwrap();
    let pushed = poll_fn(|cx| framer.poll_push(&mut near, cx, &[IoSlice::new(b"late")])).await;
    assert_eq!(pushed.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    drop(near);
    let mut sent = Vec::new();
    far.read_to_end(&mut sent).await.unwrap();
    assert_eq!(sent, b"\x88\x02\x03\xe8");
}

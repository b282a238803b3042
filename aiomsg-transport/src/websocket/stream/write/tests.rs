use std::future::poll_fn;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::super::read::Unframer;
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
    for (role, header) in [(Role::Server, 10), (Role::Client, 14)] {
        let (mut near, _far) = duplex(16);
        let mut framer = Framer::new(role);
        let bytes = vec![1; 1 << 20];
        let taken = push(&mut framer, &mut near, &[&bytes]).await;
        assert_eq!(taken, 16 - header);
        for at in 0..10_000_u32 {
            framer.pong(at.to_be_bytes().to_vec());
            let rest = [IoSlice::new(&bytes[taken..])];
            let pushed =
                poll_fn(|cx| Poll::Ready(framer.poll_push(&mut near, cx, &rest).is_ready()));
            assert!(!pushed.await);
        }
        assert_eq!(framer.out.len(), MAX_FRAME - taken);
    }
}

/// Bytes that wait here were said to be sent, and nobody learned that they were not.
#[tokio::test]
async fn payload_is_taken_when_the_connection_has_taken_it() {
    for role in [Role::Server, Role::Client] {
        for room in 1..40 {
            // The turn of the task would end in the middle of it.
            tokio::task::unconstrained(takes_what_passes(role, room)).await;
        }
    }
}

async fn takes_what_passes(role: Role, room: usize) {
    let (mut near, mut far) = duplex(room);
    let mut framer = Framer::new(role);
    let payload: Vec<u8> = (0..100).collect();
    let (mut taken, mut wire) = (0, Vec::new());
    while taken < payload.len() {
        let rest = [IoSlice::new(&payload[taken..])];
        let pushed = poll_fn(|cx| Poll::Ready(framer.poll_push(&mut near, cx, &rest)));
        match pushed.await {
            Poll::Ready(bytes) => taken += bytes.unwrap(),
            Poll::Pending => {
                let mut came = [0; 40];
                let len = far.read(&mut came).await.unwrap();
                wire.extend_from_slice(&came[..len]);
                // All that has passed was taken, and nothing else.
                let mut passed = wire.clone();
                let (len, result) = unframer(role).unframe(&mut passed, &mut |_| {});
                result.unwrap();
                assert_eq!(passed[..len], payload[..taken]);
            }
        }
    }
    assert!(framer.out.is_empty());
}

/// The other end's.
fn unframer(role: Role) -> Unframer {
    Unframer::new(match role {
        Role::Server => Role::Client,
        Role::Client => Role::Server,
    })
}

/// A write that takes nothing may be followed by one of other bytes.
#[tokio::test]
async fn a_frame_begins_with_its_first_byte_on_the_wire() {
    for role in [Role::Server, Role::Client] {
        let (mut near, mut far) = duplex(64);
        near.write_all(&[0; 64]).await.unwrap();
        let mut framer = Framer::new(role);
        let mut poll = |near: &mut DuplexStream, bytes: &[u8]| {
            let mut cx = Context::from_waker(std::task::Waker::noop());
            framer.poll_push(near, &mut cx, &[IoSlice::new(bytes)])
        };
        assert!(poll(&mut near, b"one").is_pending());
        far.read_exact(&mut [0; 64]).await.unwrap();
        let Poll::Ready(taken) = poll(&mut near, b"other") else {
            panic!("there is room");
        };
        assert_eq!(taken.unwrap(), 5);
        drop(near);
        let mut sent = Vec::new();
        far.read_to_end(&mut sent).await.unwrap();
        let (len, _) = unframer(role).unframe(&mut sent, &mut |_| {});
        assert_eq!(&sent[..len], b"other");
    }
}

/// Control frames come behind a frame that has begun, and the rest of it is taken after them.
#[tokio::test]
async fn a_close_waits_for_the_rest_of_a_frame() {
    for role in [Role::Server, Role::Client] {
        let (mut near, mut far) = duplex(20);
        let mut framer = Framer::new(role);
        let payload = [7; 100];
        let mut taken = push(&mut framer, &mut near, &[&payload]).await;
        framer.pong(b"hi".to_vec());
        framer.close(1000);
        let read = tokio::spawn(async move {
            let mut sent = Vec::new();
            far.read_to_end(&mut sent).await.unwrap();
            sent
        });
        while taken < payload.len() {
            taken += push(&mut framer, &mut near, &[&payload[taken..]]).await;
        }
        let late = poll_fn(|cx| framer.poll_push(&mut near, cx, &[IoSlice::new(b"late")])).await;
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        poll_fn(|cx| framer.poll_drain(&mut near, cx))
            .await
            .unwrap();
        drop(near);
        let mut sent = read.await.unwrap();
        let mut unframer = unframer(role);
        let (len, result) = unframer.unframe(&mut sent, &mut |_| {});
        result.unwrap();
        assert!(sent[..len] == payload);
        assert!(unframer.is_closed());
    }
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

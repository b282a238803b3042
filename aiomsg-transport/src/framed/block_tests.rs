//! The blocks that messages are read into, and what holds them.

use aiomsg_core::Dialect;
use bytes::Bytes;
use futures::{FutureExt, SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;

use super::tests::pair;
use super::*;

/// Writes frames with these payloads in one go, and reads them.
async fn cross(sizes: &[usize]) -> Vec<Bytes> {
    let [mut ours, mut theirs] = pair(1 << 20, Dialect::V1);
    for &size in sizes {
        ours.feed(Frame::data(vec![7; size])).await.unwrap();
    }
    ours.flush().await.unwrap();
    let mut payloads = Vec::new();
    for _ in sizes {
        let frame = theirs.next().await.unwrap().unwrap();
        payloads.push(frame.payload().unwrap().clone());
    }
    payloads
}

/// How much memory a payload keeps: what its buffer holds when nobody else has
/// a part of it.
fn held(payload: Bytes) -> usize {
    let Ok(mut bytes) = payload.try_into_mut() else {
        panic!("others hold it, too");
    };
    bytes.clear();
    // It may be at any place of its buffer.
    let mut most = 0;
    for len in [64, 1 << 10, 8 << 10, 32 << 10, 64 << 10] {
        if bytes.try_reclaim(len) {
            most = len;
        }
    }
    most
}

#[tokio::test]
async fn a_connection_that_has_written_holds_no_buffer() {
    let [mut ours, _theirs] = pair(1 << 20, Dialect::V1);
    for sizes in [&[100; 500][..], &[100], &[10; 100]] {
        for &size in sizes {
            ours.feed(Frame::data(vec![7; size])).await.unwrap();
        }
        ours.flush().await.unwrap();
        // Also of the part that was written.
        assert!(ours.out.write.on_way.is_none());
    }
}

#[tokio::test]
async fn a_small_message_does_not_hold_a_block() {
    let mut payloads = cross(&[20]).await;
    assert!(held(payloads.remove(0)) < 1 << 10);
}

/// Each held 64 KiB.
#[tokio::test]
async fn messages_among_many_other_frames_do_not_hold_a_block_each() {
    let [mut ours, mut theirs] = pair(1 << 20, Dialect::V1);
    let mut kept = Vec::new();
    // There are two in a block, at most.
    let shared = 2 * blocks::MOST_SHARED / blocks::BLOCK;
    while kept.len() < shared + 100 {
        for _ in 0..12_000 {
            ours.feed(Frame::Heartbeat).await.unwrap();
        }
        ours.send(Frame::data("a")).await.unwrap();
        loop {
            if let Frame::Data { payload, .. } = theirs.next().await.unwrap().unwrap() {
                kept.push(payload);
                break;
            }
        }
    }
    let copied = kept.into_iter().filter(Bytes::is_unique);
    let small = copied.filter_map(|payload| (held(payload) < 1 << 10).then_some(()));
    assert!(small.count() >= 100);
}

/// Behind each it was read into the buffer that is kept for the next large one.
#[tokio::test]
async fn small_messages_behind_large_frames_do_not_hold_their_buffers() {
    let (mut raw, theirs) = tokio::io::duplex(1 << 20);
    let mut theirs = Framed::new(theirs, FrameCodec::new(Dialect::V1));
    // Of a type that is not known.
    let mut large = 200_001_u32.to_be_bytes().to_vec();
    large.resize(4 + 200_001, 99);
    for together in [true, false] {
        raw.write_all(&large).await.unwrap();
        if !together {
            assert!(theirs.next().now_or_never().is_none());
        }
        raw.write_all(b"\0\0\0\x02\x03a").await.unwrap();
        let frame = theirs.next().await.unwrap().unwrap();
        let Frame::Data { payload, .. } = frame else {
            panic!("it is a message");
        };
        assert!(payload.is_unique() && held(payload) < 1 << 10);
    }
}

#[tokio::test]
async fn many_small_messages_share_a_block_and_it_is_used_again() {
    let place = |payloads: &[Bytes]| payloads[0].as_ptr();
    let first = cross(&[100; 500]).await;
    // Next to each other, as on the wire, and not copied.
    assert_eq!(first[1].as_ptr() as usize - place(&first) as usize, 105);
    // While somebody holds one of them, the block is not written to.
    let held = first[499].clone();
    let places = [place(&first)];
    drop(first);
    let second = cross(&[100; 500]).await;
    assert!(!places.contains(&place(&second)));
    assert_eq!(held[..], [7; 100]);
    let places = [places[0], place(&second)];
    drop((held, second));
    let third = cross(&[100; 500]).await;
    assert!(places.contains(&place(&third)));
}

#[tokio::test]
async fn large_messages_in_a_row_have_buffers_of_their_own() {
    let payloads = cross(&[100_000, 100_000, 100_000, 10, 40_000]).await;
    assert_eq!(
        payloads.iter().map(Bytes::len).collect::<Vec<_>>(),
        [100_000, 100_000, 100_000, 10, 40_000]
    );
    assert!(payloads.iter().flatten().all(|&byte| byte == 7));
}

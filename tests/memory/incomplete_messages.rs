//! Large messages of which most has come, and no more does.

use aiomsg::{Event, Socket};
use tokio::io::AsyncWriteExt;

use crate::{MIB, Memory, Raw, frame};

/// Twelve held 761 MiB.
#[test]
fn most_of_a_large_message_from_each_of_twelve_peers() {
    Memory::measure(async |memory: Memory| {
        let socket = Socket::new().unwrap();
        let mut events = socket.events();
        let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
        let mebibyte = vec![0; MIB];
        let mut peers = Vec::new();
        for nth in 0..12 {
            let mut peer = Raw::connect(&endpoint, nth).await;
            peer.write((64 * MIB as u32).to_be_bytes()).await;
            peer.write(b"\x03").await;
            for _ in 0..63 {
                peer.write(&mebibyte).await;
            }
            peers.push(peer);
        }
        memory.at_most("12 connections, each with most of 64 MiB", 270 * MIB);

        // The fast ones get through, and the others hear why not.
        let mut ended = 0;
        let mut last = Raw::connect(&endpoint, 99).await;
        last.write(frame(&mebibyte)).await;
        assert_eq!(socket.recv().await.unwrap().len(), MIB);
        while ended < 8 {
            match events.next().await.unwrap() {
                Event::PeerDown { reason, .. } if reason.is_limit() => {
                    assert!(
                        reason.to_string().contains("slower than others"),
                        "{reason}"
                    );
                    ended += 1;
                }
                Event::PeerDown { reason, .. } => panic!("it ended for another reason: {reason}"),
                _ => {}
            }
        }
        let mut newest = peers.pop().unwrap();
        newest.write(&mebibyte[1..]).await;
        assert_eq!(socket.recv().await.unwrap().len(), 64 * MIB - 1);
        assert!(
            peers[0].0.write_all(&mebibyte).await.is_err(),
            "it has ended"
        );
    });
}

/// A large frame has a buffer, and those behind it began in another as large.
#[test]
fn the_first_bytes_of_a_frame_behind_a_large_one() {
    Memory::measure(async |memory: Memory| {
        let socket = Socket::new().unwrap();
        let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
        let large = frame(&vec![0; 250_000]);
        let mut peers = Vec::new();
        for nth in 0..100 {
            let mut peer = Raw::connect(&endpoint, nth).await;
            peer.write(&large).await;
            drop(socket.recv().await.unwrap());
            peer.write(b"\0\0").await;
            peers.push(peer);
        }
        tokio::task::yield_now().await;
        memory.at_most(
            "100 connections with the first two bytes of a frame",
            6 * MIB,
        );
    });
}

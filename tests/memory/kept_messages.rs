//! Small messages that are kept: they are not to hold what they were read with.

use aiomsg::{DeliveryGuarantee, Endpoint, Identity, Limits, Socket};

use crate::{MIB, Memory, Raw, frame, until};

const HEARTBEAT: &[u8] = b"\0\0\0\x01\x02";

/// As much as messages may hold in this thread by sharing buffers, and something for
/// what else there is.
const SHARED: usize = 20 * MIB;

async fn bound(limits: Limits) -> (Socket, Endpoint) {
    let socket = Socket::builder().receive_limits(limits).build().unwrap();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    (socket, endpoint)
}

const LIMITS: Limits = Limits {
    items: 65_536,
    bytes: 64 << 20,
};

/// They held 64 KiB each, and as many as 65,536 may wait in the inbox.
#[test]
fn messages_of_one_byte_among_heartbeats_in_the_inbox() {
    Memory::measure(async |memory: Memory| {
        let (socket, endpoint) = bound(LIMITS).await;
        let mut peer = Raw::connect(&endpoint, 1).await;
        let bytes = [HEARTBEAT.repeat(13_000), frame(b"a")].concat();
        for nth in 1..=1000 {
            peer.write(&bytes).await;
            until(|| socket.stats().received_messages == nth).await;
        }
        memory.at_most("1,000 messages of one byte in the inbox", SHARED);
    });
}

/// They held the buffer that the one before had, up to 256 KiB.
#[test]
fn messages_of_one_byte_behind_large_frames_in_the_inbox() {
    Memory::measure(async |memory: Memory| {
        let (socket, endpoint) = bound(LIMITS).await;
        let mut peer = Raw::connect(&endpoint, 1).await;
        // Of a type that is not known.
        let mut large = 250_000_u32.to_be_bytes().to_vec();
        large.resize(4 + 250_000, 99);
        let bytes = [large, frame(b"a")].concat();
        for nth in 1..=300 {
            peer.write(&bytes).await;
            until(|| socket.stats().received_messages == nth).await;
        }
        memory.at_most("300 messages of one byte behind large frames", SHARED);
    });
}

/// Of each block all messages but one were received and done with.
#[test]
fn one_message_of_each_block_in_the_mailbox_of_an_absent_peer() {
    Memory::measure(async |memory: Memory| {
        let (socket, endpoint) = bound(LIMITS).await;
        let mut peer = Raw::connect(&endpoint, 1).await;
        let absent = Identity::new([9; 16]).unwrap();
        let bytes = frame(&[7; 64]).repeat(900);
        for _ in 0..600 {
            peer.write(&bytes).await;
            for nth in 0..900 {
                let message = socket.recv().await.unwrap();
                if nth == 0 {
                    socket.send_to(absent.clone(), message).await.unwrap();
                }
            }
        }
        memory.at_most("600 messages for an absent peer", 2 * MIB);
    });
}

/// The same of at-least-once, where nobody acknowledges them.
#[test]
fn one_message_of_each_block_that_waits_for_its_acknowledgement() {
    Memory::measure(async |memory: Memory| {
        let socket = Socket::builder()
            .delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
            .build()
            .unwrap();
        let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
        let mut peer = Raw::connect(&endpoint, 1).await;
        let bytes = frame(&[7; 64]).repeat(900);
        for _ in 0..600 {
            peer.write(&bytes).await;
            for nth in 0..900 {
                let message = socket.recv().await.unwrap();
                if nth == 0 {
                    socket.send(message).await.unwrap();
                }
            }
        }
        memory.at_most("600 messages that wait to be acknowledged", SHARED);
    });
}

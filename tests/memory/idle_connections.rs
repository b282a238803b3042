//! What each connection costs on which nothing happens.

use std::time::Duration;

use aiomsg::Socket;
use tokio::time::sleep;

use crate::{ALLOCATOR, Memory, Raw, until};

/// What the first connections need once, such as the buffers of the thread, is not counted.
const FIRST: usize = 64;

const COUNT: usize = 384;

/// The most bytes for one of them, with its places in the tables. An allocator needs some
/// 200 more for itself, so that it is 3 KiB in all.
const EACH: usize = 2_800;

#[test]
fn an_idle_connection_is_small() {
    Memory::measure(async |_: Memory| {
        let socket = Socket::builder()
            .heartbeat_interval(Duration::from_millis(50))
            .build()
            .unwrap();
        let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
        let mut peers = Vec::with_capacity(FIRST + COUNT);
        let mut connect = async |until_there: usize| {
            for nth in peers.len()..until_there {
                let Raw(stream) = Raw::connect(&endpoint, nth as u128).await;
                // This end takes no memory of the process.
                peers.push(stream.into_std().unwrap());
            }
            until(|| socket.stats().peers == until_there).await;
            // Each has sent heartbeats, which leaves nothing.
            sleep(Duration::from_millis(200)).await;
        };
        connect(FIRST).await;
        let memory = Memory {
            before: ALLOCATOR.current_usage(),
        };
        connect(FIRST + COUNT).await;
        memory.at_most("384 idle connections", COUNT * EACH);
    });
}

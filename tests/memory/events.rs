//! Events that nobody reads.

use aiomsg::builder::Overflow;
use aiomsg::{Event, Limits, Socket};

use crate::{MIB, Memory};

/// All 400 were kept, as there may be 1,024 events.
#[test]
fn large_messages_that_are_dropped_while_nobody_reads_the_events() {
    Memory::measure(async |memory: Memory| {
        let socket = Socket::builder()
            .overflow(Overflow::DropOldest)
            .buffer_limits(Limits {
                items: 1,
                bytes: MIB,
            })
            .build()
            .unwrap();
        let mut events = socket.events();
        for _ in 0..401 {
            socket.send(vec![0; 2 * MIB]).await.unwrap();
        }
        memory.at_most("400 events with messages of 2 MiB", 70 * MIB);

        let (mut missed, mut read) = (0, 0);
        while missed + read < 400 {
            match events.next().await.unwrap() {
                Event::Missed { count } => missed += count,
                Event::Dropped { .. } => read += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((missed, read), (368, 32));
        memory.at_most("the message that waits", 4 * MIB);
    });
}

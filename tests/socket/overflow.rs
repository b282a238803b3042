//! No room: what becomes of messages, and who hears of it.

use super::*;
use aiomsg::builder::Overflow;
use aiomsg::message::DropReason;
use aiomsg::{Limits, SendMode};

const FEW: Limits = Limits {
    items: 4,
    bytes: 4 << 20,
};

/// A publisher, one peer that takes nothing, and one that does.
async fn published(overflow: Overflow) -> (Socket, Raw, Socket) {
    let publisher = Socket::builder()
        .publish()
        .overflow(overflow)
        .peer_limits(FEW)
        .build()
        .unwrap();
    let endpoint = publisher.bind("127.0.0.1:0").await.unwrap();
    let mut stuck = Raw::connect(&endpoint).await;
    stuck.write(hello_v1(&[1; 16])).await;
    let quick = Socket::new().unwrap();
    quick.connect(endpoint).unwrap();
    within("two peers", publisher.wait_for_peers(2))
        .await
        .unwrap();
    (publisher, stuck, quick)
}

/// Sends far more than the system holds for one connection, at the pace of the
/// quick peer.
async fn publish_much(publisher: &Socket, quick: &Socket) -> u64 {
    const MESSAGES: u64 = 64;
    for n in 0..MESSAGES {
        let mut message = vec![0; 1 << 20];
        message[0] = n as u8;
        within("the publish", publisher.send(message))
            .await
            .unwrap();
        let got = within("the quick peer's copy", quick.recv()).await.unwrap();
        assert_eq!(u64::from(got[0]), n);
    }
    MESSAGES
}

#[tokio::test]
async fn a_slow_peer_loses_messages_and_the_quick_one_none() {
    for overflow in [
        Overflow::RefuseNewest,
        Overflow::DropOldest,
        Overflow::KeepNewest,
    ] {
        let (publisher, _stuck, quick) = published(overflow).await;
        let mut events = publisher.events();
        let sent = publish_much(&publisher, &quick).await;

        let dropped = publisher.stats().dropped_messages;
        assert!(0 < dropped && dropped < sent, "{overflow:?}: {dropped}");
        let (mut told, mut high) = (0, 0);
        while told < dropped {
            match within("an event", events.next()).await.unwrap() {
                Event::Dropped { reason, .. } => {
                    assert_eq!(reason, DropReason::Overflow);
                    told += 1;
                }
                Event::QueueHigh { peer } => {
                    assert_eq!(peer.as_bytes(), [1; 16]);
                    high += 1;
                }
                _ => {}
            }
        }
        assert!(
            high > 0,
            "{overflow:?}: nobody heard that the queue is full"
        );
    }
}

#[tokio::test]
async fn a_slow_peer_is_disconnected() {
    let (publisher, _stuck, quick) = published(Overflow::Disconnect).await;
    let mut events = publisher.events();
    publish_much(&publisher, &quick).await;
    let reason = within("the end of the slow one", async {
        loop {
            if let Event::PeerDown { reason, .. } = events.next().await.unwrap() {
                return reason;
            }
        }
    })
    .await;
    assert!(reason.is_limit());
    assert!(reason.to_string().contains("too slowly"), "{reason}");
    assert_eq!(publisher.stats().peers, 1);
}

#[tokio::test]
async fn a_queue_that_was_full_tells_when_there_is_room_again() {
    let (publisher, mut stuck, _) = published(Overflow::Wait).await;
    let mut events = publisher.events();
    let sending = tokio::spawn({
        let publisher = publisher.clone();
        async move {
            for _ in 0..64 {
                let to = aiomsg::Identity::new([1; 16]).unwrap();
                publisher.send_to(to, vec![0; 1 << 20]).await.unwrap();
            }
        }
    });
    within("high", async {
        while !matches!(events.next().await.unwrap(), Event::QueueHigh { .. }) {}
    })
    .await;
    let reading = tokio::spawn(async move {
        let mut bytes = vec![0; 1 << 20];
        while stuck.0.read(&mut bytes).await.unwrap() > 0 {}
    });
    within("low", async {
        while !matches!(events.next().await.unwrap(), Event::QueueLow { .. }) {}
    })
    .await;
    within("all to be sent", sending).await.unwrap();
    reading.abort();
}

/// A caller that sends more at once than a queue holds had good peers
/// disconnected, before their connections had even had their turn; and when what
/// they had not acknowledged was sent again on the next connection, that one
/// was ended as well, and so on for ever.
#[tokio::test]
async fn a_burst_that_the_queue_does_not_hold_is_no_fault_of_the_peers() {
    for mode in [SendMode::RoundRobin, SendMode::Publish] {
        let sender = Socket::builder()
            .send_mode(mode)
            .overflow(Overflow::Disconnect)
            .peer_limits(FEW)
            .build()
            .unwrap();
        let endpoint = sender.bind("127.0.0.1:0").await.unwrap();
        let quick = Socket::new().unwrap();
        quick.connect(endpoint).unwrap();
        within("the peer", sender.wait_for_peers(1)).await.unwrap();
        for n in 0..100_u8 {
            let to_it = aiomsg::Outbound::new(vec![n]).to(quick.identity().clone());
            let message = match n % 2 {
                0 => to_it,
                _ => aiomsg::Outbound::new(vec![n]),
            };
            within("the send", sender.send_message(message))
                .await
                .unwrap();
        }
        for n in 0..100_u8 {
            assert_eq!(within("a message", quick.recv()).await.unwrap(), [n][..]);
        }
        assert_eq!(sender.stats().connections, 1, "{mode:?}");
    }
}

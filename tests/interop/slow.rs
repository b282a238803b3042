//! A receiver that is slow, and lives.
//!
//! Whatever was unacknowledged for 5 s went again, though acknowledgements kept
//! coming: 300,000 messages to Python were 556,514 frames.
//!
//! `AIOMSG_SLOW_MESSAGES=300000` sends so many.

use super::*;
use aiomsg::DeliveryGuarantee;

const COUNT: usize = 30_000;

/// Longer than an acknowledgement may take.
const STALL: Duration = Duration::from_secs(3);

async fn a_peer_that_is_slow_is_sent_nothing_twice(version: Version, binds: Binds) {
    let wanted = std::env::var("AIOMSG_SLOW_MESSAGES").ok();
    let count = wanted.map_or(COUNT, |it| it.parse().expect("a number"));
    let socket = Socket::builder()
        .delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
        .ack_timeout(Duration::from_secs(1))
        .build()
        .unwrap();
    let peer = join(&socket, Peer::builder(version), binds).await;
    peer.count().await;
    let begin = tokio::time::Instant::now();
    for n in 0..count {
        if n == count / 2 {
            peer.stall(STALL).await;
        }
        let sent = timeout(PATIENCE, socket.send(format!("{n:06}"))).await;
        sent.expect("room").unwrap();
    }
    timeout(PATIENCE * 20, async {
        while socket.stats().unacknowledged_messages > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("all acknowledgements");
    let sent = socket.stats().sent_messages;
    let twice = sent - count as u64;
    println!("{count} in {:?}, {sent} frames", begin.elapsed());
    assert!(twice * 100 < count as u64, "{twice} of {count} twice");
    assert!(peer.counted().await >= count);
}

each_version_and_role! {
    a_peer_that_is_slow_is_sent_nothing_twice,
}

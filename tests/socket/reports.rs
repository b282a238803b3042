//! A report of a close says of messages that arrived that they were not sent.

use super::*;
use aiomsg::DeliveryGuarantee;

/// `CloseReport::unsent`: "messages that were not sent"; `unacknowledged`: "messages that
/// were sent and not acknowledged". What was sent, and is to be sent again since its
/// connection has ended, is among the first. A program that sends those by another way,
/// as they cannot have arrived, sends them twice.
#[tokio::test]
async fn what_was_sent_and_waits_to_be_sent_again_is_not_reported_as_unsent() {
    let socket = Socket::builder()
        .delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
        .build()
        .unwrap();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    let mut events = socket.events();
    let mut raw = Raw::connect(&endpoint).await;
    raw.write(hello_v1(&[1; 16])).await;
    within("the peer", socket.wait_for_peers(1)).await.unwrap();
    for n in 0..5 {
        socket.send(n.to_string()).await.unwrap();
    }
    // It reads all of them, whole, and acknowledges none.
    let mut all = [0; 22 + 5 * 22];
    within("all", raw.0.read_exact(&mut all)).await.unwrap();
    drop(raw);
    event(&mut events, "the end", |event| match event {
        Event::PeerDown { .. } => Some(()),
        _ => None,
    })
    .await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let report = within("the close", socket.close(Duration::from_millis(100))).await;
    let counts = (report.unsent.len(), report.unacknowledged.len());
    assert_eq!(counts, (0, 5), "unsent, unacknowledged");
}

//! A small poison costs its neighbours where the receiver is behind.

use super::*;
use aiomsg::Limits;
use futures::FutureExt;

/// "A receiver that gets a message over its limit receives what is around it": where
/// its inbox is full, it waits 200 ms for room and leaves then, and what the system
/// holds for it is lost. Nobody is told: no event at the sender, no report.
#[tokio::test]
async fn a_poison_does_not_cost_its_neighbours_where_the_receiver_is_behind() {
    const COUNT: usize = 1000;
    let limits = Limits {
        items: 100,
        bytes: 1 << 20,
    };
    let receiver = Socket::builder().max_message_size(1000);
    let receiver = receiver.receive_limits(limits).build().unwrap();
    let endpoint = receiver.bind("127.0.0.1:0").await.unwrap();
    let sender = Socket::new().unwrap();
    sender.connect(endpoint).unwrap();
    within("the peer", sender.wait_for_peers(1)).await.unwrap();
    let mut events = sender.events();
    for n in 0..COUNT {
        let text = match n {
            500 => "x".repeat(5000),
            n => n.to_string(),
        };
        sender.send(text).await.unwrap();
    }
    // It takes its time: a message in a millisecond.
    let mut got = 0;
    while let Ok(message) = tokio::time::timeout(Duration::from_secs(3), receiver.recv()).await {
        message.unwrap();
        got += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut told = 0;
    while let Some(Some(event)) = events.next().now_or_never() {
        told += usize::from(matches!(event, Event::Dropped { .. }));
    }
    let report = sender.close(Duration::from_secs(1)).await;
    assert_eq!(
        got + report.unsent.len(),
        COUNT - 1,
        "the others arrive; {told} events of drops, {report:?}"
    );
}

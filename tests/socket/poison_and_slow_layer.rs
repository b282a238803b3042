//! A poison has its neighbours given up where a layer of the receive path is slow.

use super::*;
use aiomsg::layer::ReceivePath;
use aiomsg::message::DropReason;
use aiomsg::{Delivery, DeliveryGuarantee, SocketBuilder};
use tower::layer::layer_fn;
use tower::{Service, service_fn};

/// A receiver that takes 1 KiB, and some time for each message.
macro_rules! slow {
    ($time:expr) => {
        Socket::builder()
            .max_message_size(1024)
            .receive_layer(layer_fn(|inner: ReceivePath| {
                service_fn(move |message: Delivery| {
                    let mut inner = inner.clone();
                    async move {
                        tokio::time::sleep($time).await;
                        inner.call(message).await
                    }
                })
            }))
            .build()
            .unwrap()
    };
}

/// "A receiver that gets a message over its limit receives what is around it,
/// acknowledges that, and ends the connection in good order." What was read with it, and
/// is still before the layers, is received afterwards and never acknowledged.
#[tokio::test]
async fn what_was_read_before_a_message_that_is_too_large_is_acknowledged() {
    let receiver = slow!(Duration::from_millis(10));
    let endpoint = receiver.bind("127.0.0.1:0").await.unwrap();
    let mut raw = Raw::connect(&endpoint).await;
    let mut bytes = hello_v1(&[1; 16]);
    for n in 0..20 {
        bytes.extend(b"\0\0\0\x12\x04");
        bytes.extend([n; 16]);
        bytes.push(b'x');
    }
    bytes.extend(5001u32.to_be_bytes());
    bytes.resize(bytes.len() + 5001, 3);
    raw.write(bytes).await;
    for _ in 0..20 {
        within("a message", receiver.recv()).await.unwrap();
    }
    // Our HELLO, and an acknowledgement for each.
    assert_eq!((raw.closed().await - 22) / 21, 20, "acknowledgements");
}

/// What comes of it. Without the poison each message is acknowledged, and none is sent
/// twice. With it each of the others arrives several times, and is given up in the end.
#[tokio::test]
async fn the_neighbours_of_a_poison_are_not_given_up_where_the_receiver_is_slow() {
    let receiver = slow!(Duration::from_millis(1));
    let endpoint = receiver.bind("127.0.0.1:0").await.unwrap();
    let builder: SocketBuilder = Socket::builder();
    let sender = builder
        .delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
        // Longer than a slow machine takes for all of them.
        .ack_timeout(Duration::from_secs(2))
        .build()
        .unwrap();
    sender.connect(endpoint).unwrap();
    within("the peer", sender.wait_for_peers(1)).await.unwrap();
    for n in 0..200 {
        let text = match n {
            100 => "x".repeat(5000),
            n => n.to_string(),
        };
        sender.send(text).await.unwrap();
    }
    let settled = async {
        while sender.stats().unacknowledged_messages > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("all", settled).await;
    let mut received = std::collections::HashSet::new();
    while let Ok(message) = tokio::time::timeout(Duration::from_secs(1), receiver.recv()).await {
        received.insert(message.unwrap());
    }
    assert_eq!(received.len(), 199);
    let stats = sender.stats();
    let given_up = stats.drops.of(DropReason::RetriesExhausted);
    assert_eq!(given_up, 1, "the poison alone; {stats:?}");
}

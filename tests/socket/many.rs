//! Many messages at once.

use std::collections::VecDeque;

use super::*;
use aiomsg::{AckMode, Limits, Outbound};

const FEW: Limits = Limits {
    items: 4,
    bytes: 1 << 20,
};

fn numbered(count: usize) -> VecDeque<Outbound> {
    (0..count).map(|n| Outbound::new(n.to_string())).collect()
}

async fn receive(socket: &Socket, count: usize) -> Vec<String> {
    let mut received = Vec::new();
    while received.len() < count {
        let most = count - received.len();
        let before = received.len();
        let came = within("more", socket.recv_many(&mut received, most.min(100)));
        assert_eq!(came.await.unwrap(), received.len() - before);
    }
    let texts = received
        .iter()
        .map(|it| String::from_utf8_lossy(it.payload()).into_owned());
    texts.collect()
}

#[tokio::test]
async fn they_arrive_in_order_whether_there_is_room_at_once_or_not() {
    let sink = Socket::builder().receive_limits(FEW).build().unwrap();
    let endpoint = sink.bind("127.0.0.1:0").await.unwrap();
    let source = Socket::builder().peer_limits(FEW).build().unwrap();
    // Nobody is there: they are buffered, and go out later.
    let mut messages = numbered(5000);
    within("the buffer", source.send_many(&mut messages))
        .await
        .unwrap();
    source.connect(endpoint).unwrap();
    let mut more: VecDeque<_> = (5000..6000).map(|n| Outbound::new(n.to_string())).collect();
    let sending = within("the rest", source.send_many(&mut more));
    let (sent, received) = tokio::join!(sending, receive(&sink, 6000));
    sent.unwrap();
    assert!(messages.is_empty() && more.is_empty());
    let expected: Vec<_> = (0..6000).map(|n| n.to_string()).collect();
    assert!(received == expected, "each of them, in its order");
}

#[tokio::test]
async fn what_was_not_sent_is_still_there_when_it_is_given_up() {
    let source = Socket::builder().buffer_limits(FEW).build().unwrap();
    let mut messages = numbered(10);
    let sending = source.send_many(&mut messages);
    let given_up = tokio::time::timeout(Duration::from_millis(50), sending);
    assert!(given_up.await.is_err(), "there is room for four of them");
    let sink = Socket::new().unwrap();
    source
        .connect(sink.bind("127.0.0.1:0").await.unwrap())
        .unwrap();
    within("the rest", source.send_many(&mut messages))
        .await
        .unwrap();
    let expected: Vec<_> = (0..10).map(|n| n.to_string()).collect();
    assert_eq!(receive(&sink, 10).await, expected);
}

#[tokio::test]
async fn the_one_that_cannot_be_sent_is_the_first_of_those_left() {
    let source = Socket::builder().max_message_size(8).build().unwrap();
    let sink = Socket::new().unwrap();
    source
        .connect(sink.bind("127.0.0.1:0").await.unwrap())
        .unwrap();
    within("the peer", source.wait_for_peers(1)).await.unwrap();
    let mut messages = VecDeque::from(["1", "2", "too large by far", "4"].map(Outbound::new));
    let error = within("the error", source.send_many(&mut messages))
        .await
        .unwrap_err();
    assert!(error.is_too_large() && error.message().is_none());
    assert_eq!(
        (messages.len(), messages[0].payload()),
        (2, &"too large by far".into())
    );
    messages.pop_front();
    within("the others", source.send_many(&mut messages))
        .await
        .unwrap();
    assert_eq!(receive(&sink, 3).await, ["1", "2", "4"]);

    source.close(Duration::ZERO).await;
    let mut messages = numbered(3);
    let error = source.send_many(&mut messages).await.unwrap_err();
    assert!(error.is_closed());
    assert_eq!(messages.len(), 3);
    let nothing = sink.recv_many(&mut Vec::new(), 0).await;
    assert_eq!(nothing.unwrap(), 0);
    sink.close(Duration::ZERO).await;
    let error = sink.recv_many(&mut Vec::new(), 9).await.unwrap_err();
    assert!(error.is_closed());
}

#[tokio::test]
async fn they_pass_through_layers_and_are_acknowledged_one_by_one() {
    let sink = Socket::builder()
        .ack_mode(AckMode::Handled)
        .build()
        .unwrap();
    let endpoint = sink.bind("127.0.0.1:0").await.unwrap();
    let layer = tower::limit::ConcurrencyLimitLayer::new(3);
    let source = Socket::builder()
        .layer(layer)
        .at_least_once()
        .build()
        .unwrap();
    source.connect(endpoint).unwrap();
    let mut messages = numbered(100);
    within("they are sent", source.send_many(&mut messages))
        .await
        .unwrap();
    let mut received = Vec::new();
    while received.len() < 100 {
        within("more", sink.recv_many(&mut received, 100))
            .await
            .unwrap();
    }
    assert!(received.iter().all(|message| sink.acknowledge(message)));
    assert!(source.close(Duration::from_secs(20)).await.is_clean());
}

#[tokio::test]
async fn each_worker_gets_as_many() {
    let source = Socket::new().unwrap();
    let endpoint = source.bind("127.0.0.1:0").await.unwrap();
    let workers = [(); 4].map(|()| Socket::new().unwrap());
    for worker in &workers {
        worker.connect(endpoint.clone()).unwrap();
    }
    within("the workers", source.wait_for_peers(4))
        .await
        .unwrap();
    let mut messages = numbered(400);
    within("they are sent", source.send_many(&mut messages))
        .await
        .unwrap();
    let mut all = Vec::new();
    for worker in &workers {
        all.extend(receive(worker, 100).await);
    }
    all.sort_by_key(|text| text.parse::<u32>().unwrap());
    let expected: Vec<_> = (0..400).map(|n| n.to_string()).collect();
    assert!(all == expected);
}

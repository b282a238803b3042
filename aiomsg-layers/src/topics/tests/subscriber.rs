//! The layer around each connection of a subscriber.

use std::task::Context;

use aiomsg_core::{Frame, Identified, Target};
use futures::{FutureExt, SinkExt, StreamExt};

use super::*;

/// The publisher's end, and our connection with the layer around it.
fn told(subscriptions: &Subscriptions) -> (Wire, SubscribeStream) {
    let (ours, theirs) = Wire::pair("publisher");
    (
        theirs,
        FrameStream::new(subscriptions.layer().layer(OneByOne::new(ours))),
    )
}

/// The frames that have arrived.
fn arrived(wire: &mut Wire) -> Vec<String> {
    let next = || wire.next().now_or_never().flatten();
    std::iter::from_fn(next)
        .map(|frame| String::from_utf8(frame.unwrap().payload().unwrap().to_vec()).unwrap())
        .collect()
}

#[tokio::test]
async fn every_new_connection_begins_with_the_whole_list() {
    let subscriptions = Subscriptions::new();
    for prefix in ["b", "a", "", "gone", "a"] {
        subscriptions.subscribe(prefix).unwrap();
    }
    assert!(subscriptions.unsubscribe("gone"));
    assert!(!subscriptions.unsubscribe("gone"));
    for _ in 0..2 {
        let (mut publisher, mut ours) = told(&subscriptions);
        ours.send(Frame::data("user data")).await.unwrap();
        assert_eq!(
            arrived(&mut publisher),
            ["\x01", "\x01a", "\x01b", "user data"]
        );
        assert_eq!(ours.identity(), &name("publisher"));
    }
    assert_eq!(subscriptions.len(), 3);
}

/// Reading is enough, and so is a flush.
#[tokio::test]
async fn the_list_is_told_by_whoever_polls() {
    let subscriptions = Subscriptions::new();
    subscriptions.subscribe("a").unwrap();
    let (mut publisher, mut ours) = told(&subscriptions);
    ours.flush().await.unwrap();
    assert_eq!(arrived(&mut publisher), ["\x01a"]);
    let (mut publisher, mut ours) = told(&subscriptions);
    assert!(ours.next().now_or_never().is_none());
    assert_eq!(arrived(&mut publisher), ["\x01a"]);
    publisher.send(Frame::data("a message")).await.unwrap();
    let message = ours.next().await.unwrap().unwrap();
    assert_eq!(message, Frame::data("a message"));
}

/// A frame that never left is not routed elsewhere.
#[tokio::test]
async fn a_subscription_is_for_this_connection_alone() {
    let subscriptions = Subscriptions::new();
    subscriptions.subscribe("a").unwrap();
    let (mut publisher, mut ours) = told(&subscriptions);
    ours.flush().await.unwrap();
    let Frame::Data { target, .. } = publisher.next().await.unwrap().unwrap() else {
        panic!("a subscription is plain data");
    };
    assert_eq!(target, Target::Connection);
}

#[tokio::test]
async fn changes_reach_all_living_connections_and_wake_them() {
    let subscriptions = Subscriptions::new();
    let (wakes, waker) = counted();
    let mut cx = Context::from_waker(&waker);
    let mut connections = [told(&subscriptions), told(&subscriptions)];
    for (_, ours) in &mut connections {
        assert!(ours.poll_next_unpin(&mut cx).is_pending());
        assert!(ours.poll_flush_unpin(&mut cx).is_ready());
    }
    subscriptions.subscribe("a").unwrap();
    // Each as its reader and its writer.
    assert_eq!(wakes.take(), 4);
    subscriptions.subscribe("a").unwrap();
    assert!(!subscriptions.unsubscribe("b"));
    assert_eq!(wakes.take(), 0, "nothing has changed");
    for (publisher, ours) in &mut connections {
        assert!(ours.poll_flush_unpin(&mut cx).is_ready());
        assert_eq!(arrived(publisher), ["\x01a"]);
    }
    let [(mut publisher, mut ours), gone] = connections;
    drop(gone);
    wakes.take();
    subscriptions.unsubscribe("a");
    assert_eq!(wakes.take(), 2);
    assert!(ours.poll_next_unpin(&mut cx).is_pending());
    assert_eq!(arrived(&mut publisher), ["\x00a"]);
}

#[tokio::test]
async fn what_was_changed_back_in_the_meantime_is_not_told() {
    let subscriptions = Subscriptions::new();
    let (mut publisher, mut ours) = told(&subscriptions);
    subscriptions.subscribe("a").unwrap();
    ours.flush().await.unwrap();
    assert_eq!(arrived(&mut publisher), ["\x01a"]);
    subscriptions.unsubscribe("a");
    subscriptions.subscribe("b").unwrap();
    subscriptions.subscribe("a").unwrap();
    subscriptions.unsubscribe("b");
    ours.flush().await.unwrap();
    assert!(arrived(&mut publisher).is_empty());
}

/// A subscriber that exchanges a prefix for a wider one misses nothing in between, and the
/// publisher's bound is kept at every moment.
#[tokio::test]
async fn what_is_new_goes_first_if_there_is_room() {
    let subscriptions = Subscriptions::with_limits(limits(3, 256));
    for prefix in ["a", "b"] {
        subscriptions.subscribe(prefix).unwrap();
    }
    let (mut publisher, mut ours) = told(&subscriptions);
    ours.flush().await.unwrap();
    assert_eq!(arrived(&mut publisher), ["\x01a", "\x01b"]);
    for prefix in ["a", "b"] {
        subscriptions.unsubscribe(prefix);
    }
    for prefix in ["c", "d", "e"] {
        subscriptions.subscribe(prefix).unwrap();
    }
    ours.flush().await.unwrap();
    assert_eq!(
        arrived(&mut publisher),
        ["\x01c", "\x00a", "\x01d", "\x00b", "\x01e"]
    );
}

#[test]
fn the_list_of_a_subscriber_is_bounded() {
    let subscriptions = Subscriptions::with_limits(limits(2, 3));
    assert!(subscriptions.subscribe("1234").unwrap_err().is_limit());
    subscriptions.subscribe("a").unwrap();
    subscriptions.subscribe("b").unwrap();
    subscriptions.subscribe("a").unwrap();
    assert!(subscriptions.subscribe("c").unwrap_err().is_limit());
    subscriptions.unsubscribe("a");
    subscriptions.subscribe("c").unwrap();
    assert_eq!(subscriptions.len(), 2);
}

/// The reader takes the writer's place at the connection, and gives it back.
#[tokio::test]
async fn both_halves_of_a_split_connection_are_woken() {
    let subscriptions = Subscriptions::new();
    let (_publisher, mut ours) = told(&subscriptions);
    let (reads, reader) = counted();
    let (writes, writer) = counted();
    let mut reader = Context::from_waker(&reader);
    assert!(ours.poll_next_unpin(&mut reader).is_pending());
    let mut writer = Context::from_waker(&writer);
    while ours.poll_ready_unpin(&mut writer).is_ready() {
        ours.start_send_unpin(Frame::data("x")).unwrap();
    }
    subscriptions.subscribe("a").unwrap();
    assert_eq!((reads.take(), writes.take()), (1, 1));
    assert!(ours.poll_next_unpin(&mut reader).is_pending());
    assert_eq!(writes.take(), 1);
}

#[tokio::test]
async fn a_list_arrives_in_the_table_also_after_a_reconnect() {
    let subscriptions = Subscriptions::new();
    let topics = Topics::new();
    subscriptions.subscribe("a").unwrap();
    for _ in 0..2 {
        let (subscriber_end, publisher_end) = Wire::pair("publisher");
        let mut subscriber =
            FrameStream::new(subscriptions.layer().layer(OneByOne::new(subscriber_end)));
        let mut publisher = FrameStream::new(topics.layer().layer(OneByOne::new(publisher_end)));
        subscriber.flush().await.unwrap();
        swallow(&mut publisher);
        assert!(topics.is_wanted("abc") && !topics.is_wanted("b"));
        subscriptions.subscribe("b").unwrap();
        subscriber.flush().await.unwrap();
        swallow(&mut publisher);
        assert!(topics.is_wanted("b"));
        subscriptions.unsubscribe("b");
        drop((subscriber, publisher));
        assert!(!topics.is_wanted("abc"));
    }
}

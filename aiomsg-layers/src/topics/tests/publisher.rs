//! The layer around each connection of a publisher.

use std::task::Context;

use aiomsg_core::{Frame, Identified};
use futures::{FutureExt, SinkExt, StreamExt};

use super::*;

#[tokio::test]
async fn subscriptions_go_no_further_and_all_else_does() {
    let topics = Topics::new();
    let (mut peer, mut ours) = joined(&topics, "a");
    peer.send(Frame::data("\x01news.")).await.unwrap();
    let others = [
        Frame::data(""),
        Frame::data("\x02news."),
        Frame::data("news."),
        Frame::request(id(1), "news."),
        Frame::Heartbeat,
        Frame::ack(id(2)),
    ];
    for frame in others.clone() {
        peer.send(frame).await.unwrap();
    }
    for frame in others {
        assert_eq!(ours.next().await.unwrap().unwrap(), frame);
    }
    assert!(topics.is_wanted("news.today"));
    assert!(topics.is_wanted("news."));
    assert!(!topics.is_wanted("news"));
    assert!(!topics.is_wanted(""));

    peer.send(Frame::data("\x00news")).await.unwrap();
    swallow(&mut ours);
    assert!(topics.is_wanted("news.today"), "nobody asked for this one");
    peer.send(Frame::data("\x00news.")).await.unwrap();
    swallow(&mut ours);
    assert!(!topics.is_wanted("news.today"));
    assert_eq!(ours.identity(), &name("a"));
}

#[tokio::test]
async fn the_empty_prefix_is_everything() {
    let topics = Topics::new();
    let (mut peer, mut ours) = joined(&topics, "a");
    peer.send(Frame::data("\x01")).await.unwrap();
    swallow(&mut ours);
    assert!(topics.is_wanted("") && topics.is_wanted("anything"));
    peer.send(Frame::data("\x00")).await.unwrap();
    swallow(&mut ours);
    assert!(!topics.is_wanted("") && !topics.is_wanted("anything"));
}

#[tokio::test]
async fn a_subscription_by_request_is_acknowledged_ahead_of_other_frames() {
    let topics = Topics::new();
    let (mut peer, mut ours) = joined(&topics, "a");
    peer.send(Frame::request(id(1), "\x01a")).await.unwrap();
    peer.send(Frame::request(id(2), "\x00b")).await.unwrap();
    peer.send(Frame::request(id(3), "hello")).await.unwrap();
    let hello = ours.next().await.unwrap().unwrap();
    assert_eq!(hello, Frame::request(id(3), "hello"));
    assert!(topics.is_wanted("a"));
    ours.send(Frame::data("x")).await.unwrap();
    let sent: Vec<_> = peer.by_ref().take(3).map(Result::unwrap).collect().await;
    // The other request is for others to acknowledge.
    assert_eq!(
        sent,
        [Frame::ack(id(1)), Frame::ack(id(2)), Frame::data("x")]
    );
    peer.send(Frame::request(id(4), "\x01a")).await.unwrap();
    swallow(&mut ours);
    ours.flush().await.unwrap();
    assert_eq!(peer.next().await.unwrap().unwrap(), Frame::ack(id(4)));
}

#[tokio::test]
async fn a_peer_that_takes_no_acknowledgement_is_read_no_further() {
    let topics = Topics::new();
    let (mut peer, mut ours) = joined(&topics, "a");
    // It takes the frames that fit into the wire, and no more.
    let fed = std::iter::repeat_with(|| ours.feed(Frame::data("x")).now_or_never().is_some());
    assert!(fed.take_while(|fed| *fed).count() >= 10_000);
    let (wakes, waker) = counted();
    let mut sent = 0_usize;
    while let Some(Ok(())) = peer.feed(Frame::request(id(1), "\x01a")).now_or_never() {
        sent += 1;
        if sent.is_multiple_of(100) {
            loop {
                let next = ours.poll_next_unpin(&mut Context::from_waker(&waker));
                assert!(next.is_pending());
                if wakes.take() == 0 {
                    break;
                }
            }
        }
    }
    assert!((1 << 16..(1 << 16) + 11_000).contains(&sent), "{sent}");
}

#[tokio::test]
async fn a_connection_that_ends_takes_its_own_subscriptions_with_it() {
    let topics = Topics::new();
    let (mut old_peer, mut old) = joined(&topics, "a");
    let (mut new_peer, mut new) = joined(&topics, "a");
    old_peer.send(Frame::data("\x01old")).await.unwrap();
    old_peer.send(Frame::data("\x01both")).await.unwrap();
    swallow(&mut old);
    new_peer.send(Frame::data("\x01both")).await.unwrap();
    new_peer.send(Frame::data("\x01new")).await.unwrap();
    swallow(&mut new);
    drop(old);
    assert!(!topics.is_wanted("old"));
    assert!(topics.is_wanted("both") && topics.is_wanted("new"));
    drop(new);
    assert!(!topics.is_wanted("both") && !topics.is_wanted("new"));
    assert_eq!(topics.shared().nodes(), 1, "the root is left");
}

#[tokio::test]
async fn a_peer_that_subscribes_to_too_much_is_disconnected() {
    let topics = Topics::with_limits(limits(3, 5));
    let (mut peer, mut ours) = joined(&topics, "greedy");
    for prefix in ["\x01a", "\x01b", "\x01c", "\x01a", "\x00c", "\x01d"] {
        peer.send(Frame::data(prefix)).await.unwrap();
    }
    swallow(&mut ours);
    peer.send(Frame::data("\x01e")).await.unwrap();
    let error = ours.next().await.unwrap().unwrap_err();
    assert!(error.is_limit());
    assert_eq!(error.peer(), Some(&name("greedy")));
    assert!(error.to_string().contains("the most of 3"), "{error}");
    assert!(!topics.is_wanted("e"));

    let (mut peer, mut ours) = joined(&topics, "long");
    peer.send(Frame::data("\x0112345")).await.unwrap();
    // A prefix without a subscription does not matter, however long.
    peer.send(Frame::data("\x00123456")).await.unwrap();
    swallow(&mut ours);
    peer.send(Frame::data("\x01123456")).await.unwrap();
    let error = ours.next().await.unwrap().unwrap_err();
    assert!(error.is_limit());
    assert!(error.to_string().contains("6 bytes"), "{error}");
}

/// Other tasks must have their turn.
#[tokio::test]
async fn a_peer_that_only_subscribes_is_read_in_rounds() {
    let topics = Topics::new();
    let (mut peer, mut ours) = joined(&topics, "a");
    for _ in 0..1000 {
        peer.send(Frame::data("\x01a")).await.unwrap();
    }
    peer.send(Frame::data("end")).await.unwrap();
    let (wakes, waker) = counted();
    let mut rounds = 0;
    while ours
        .poll_next_unpin(&mut Context::from_waker(&waker))
        .is_pending()
    {
        rounds += 1;
        assert!(wakes.take() > 0);
    }
    assert_eq!(rounds, 3);
}

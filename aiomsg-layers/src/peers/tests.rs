use aiomsg_core::{DropReason, Identity, Outbound};
use futures::FutureExt;
use tower::discover::Change;

use super::Peers;
use crate::distribute::{Distribute, RoundRobin};
use crate::test_stack::{Peer, Stack, cx, name, queue, table, taken};
use tower::Service;

/// A failure was taken for "nothing new", without a waker for later changes,
/// and without a word.
#[test]
fn a_discover_that_fails_has_ended_and_its_peers_stay() {
    let queue = queue(10);
    let told = [
        Ok(Change::Insert(name("a"), queue.clone())),
        Err("the registry is gone"),
        Ok(Change::Remove(name("a"))),
    ];
    let (peers, _) = table();
    let mut distribute = Distribute::new(&peers, RoundRobin::new());
    let fed = peers.feed(futures::stream::iter(told)).now_or_never();
    assert!(fed.is_some(), "it has ended");
    for _ in 0..3 {
        assert!(distribute.poll_ready(&mut cx()).is_ready());
    }
    let sent = distribute.call(Outbound::new("x")).now_or_never();
    sent.unwrap().unwrap();
    assert_eq!(taken(&queue), ["x"]);
}

/// Panics so often, and is pending then.
struct Trips(u32, Option<Peer>);

impl futures::Stream for Trips {
    type Item = Result<Change<Identity, Peer>, std::convert::Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        if self.0 > 0 {
            self.0 -= 1;
            panic!("as we want");
        }
        match self.1.take() {
            Some(peer) => std::task::Poll::Ready(Some(Ok(Change::Insert(name("a"), peer)))),
            None => std::task::Poll::Pending,
        }
    }
}

/// A panic ended the task, and waiting messages were never sent.
#[tokio::test(start_paused = true)]
async fn a_discover_that_panics_is_asked_again() {
    let (peers, _) = table();
    let mut distribute = Distribute::new(&peers, RoundRobin::new());
    let a = queue(10);
    tokio::spawn(peers.feed(Trips(3, Some(a.clone()))));
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(distribute.poll_ready(&mut cx()).is_ready());
    distribute.call(Outbound::new("1")).await.unwrap();
    assert_eq!(taken(&a), ["1"]);
}

/// A new connection of a peer is reported before the end of the old one.
#[test]
fn one_that_comes_again_takes_the_place_of_the_other() {
    let mut it = Stack::new(RoundRobin::new());
    let old = it.join("a", 10);
    it.send("1");
    it.send_to("a", "2");
    old.close();
    let new = it.join("a", 10);
    it.send("3");
    let mut got = taken(&new);
    got.sort();
    assert_eq!(got, ["1", "2", "3"]);
}

/// The service that would keep them is not there.
#[test]
fn what_nobody_takes_back_is_reported() {
    let (peers, lost): (Peers<Peer>, _) = table();
    let a = queue(10);
    peers.insert(name("a"), a.clone());
    a.push(Outbound::new("for anyone")).unwrap();
    a.push(Outbound::new("for a").to(name("a"))).unwrap();
    a.close();
    peers.remove(&name("a"));
    let mut lost = std::mem::take(&mut *lost.lock().unwrap());
    lost.sort_by(|a, b| a.0.cmp(&b.0));
    let gone = DropReason::PeerGone;
    assert_eq!(
        lost,
        [("for a".to_owned(), gone), ("for anyone".to_owned(), gone)]
    );
}

#[test]
fn a_message_at_which_connections_end_is_dropped_the_third_time() {
    let mut it = Stack::new(RoundRobin::new());
    let a = it.join("a", 10);
    let bad = |times| Outbound::new("bad").with_interrupted(times);
    a.close_with([bad(2), Outbound::new("1")].into_iter());
    it.leave("a", &a);
    let b = it.join("b", 10);
    assert_eq!(taken(&b), ["bad", "1"]);
    b.close_with([bad(3), Outbound::new("1")].into_iter());
    it.leave("b", &b);
    let c = it.join("c", 10);
    assert_eq!(taken(&c), ["1"]);
    assert_eq!(
        *it.lost.lock().unwrap(),
        [("bad".to_owned(), DropReason::Poison)]
    );
}

#[test]
fn a_withdrawn_peer_keeps_its_own_messages_and_gets_no_more() {
    let mut stack = Stack::new(RoundRobin::new());
    let (a, b) = (stack.join("a", 10), stack.join("b", 10));
    for text in ["1", "2", "3", "4"] {
        stack.send(Outbound::new(text));
    }
    stack.send_to("a", "for a");
    stack.peers.withdraw(&name("a"));
    stack.send(Outbound::new("5"));
    assert_eq!(taken(&b), ["2", "4", "1", "3", "5"]);
    assert!(a.is_closed());
    assert_eq!(taken(&a), ["for a"]);

    // What its session puts back at its end goes to the others, too.
    a.close_with([Outbound::new("unsent")].into_iter());
    stack.leave("a", &a);
    assert_eq!(taken(&b), ["unsent"]);
    // There is no such peer any more.
    stack.peers.withdraw(&name("a"));
    assert!(stack.lost.lock().unwrap().is_empty());
}

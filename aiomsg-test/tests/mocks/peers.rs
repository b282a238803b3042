use std::task::{Context, Poll};

use aiomsg_core::{Identity, Limits, Outbound};
use aiomsg_layers::Distribute;
use aiomsg_layers::distribute::{PeerSet, Pick, Policy};
use aiomsg_layers::queue::Peer;
use aiomsg_test::discard;
use aiomsg_test::peers::{self, LIMITS, MockPeer};
use futures::FutureExt;
use tower::Service;

use super::{Wakes, cx};

#[test]
fn what_is_pushed_is_what_is_taken() {
    let (mut peer, handle) = peers::peer("a", LIMITS);
    assert!(handle.is_empty());
    for payload in ["1", "2"] {
        peer.push(Outbound::new(payload)).unwrap();
    }
    assert_eq!((handle.len(), peer.waiting()), (2, 4));
    assert_eq!(handle.take_payloads(), ["1", "2"]);
    assert_eq!((handle.len(), peer.waiting()), (0, 0));
}

#[test]
fn its_limits_hold_and_taking_makes_room() {
    let two = Limits { items: 2, ..LIMITS };
    let (mut peer, handle) = peers::peer("a", two);
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    for payload in ["1", "2"] {
        assert!(peer.poll_room(&mut cx).is_ready());
        peer.push(Outbound::new(payload)).unwrap();
    }
    assert!(peer.poll_room(&mut cx).is_pending());
    assert_eq!(handle.overruns(), 0);
    assert_eq!(handle.take().len(), 2);
    assert_eq!(wakes.take(), 1);
    assert!(peer.poll_room(&mut cx).is_ready());
}

#[test]
fn one_that_is_filled_has_no_room_until_it_is_freed() {
    let (mut peer, handle) = peers::peer("a", LIMITS);
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    handle.fill();
    assert!(peer.poll_room(&mut cx).is_pending());
    assert!(handle.take().is_empty(), "there is nothing in it");
    assert!(peer.poll_room(&mut cx).is_pending());
    handle.free();
    assert_eq!(wakes.take(), 1);
    assert!(peer.poll_room(&mut cx).is_ready());
}

#[test]
fn messages_beyond_the_room_are_counted() {
    let one = Limits { items: 1, ..LIMITS };
    let (mut peer, handle) = peers::peer("a", one);
    peer.push(Outbound::new("1")).unwrap();
    assert_eq!(handle.overruns(), 0);
    peer.push(Outbound::new("2")).unwrap();
    assert_eq!(handle.overruns(), 1);
    handle.take();
    handle.fill();
    peer.push(Outbound::new("3")).unwrap();
    assert_eq!(handle.overruns(), 2);
}

#[test]
fn one_that_has_ended_hands_back_what_it_is_given() {
    for end in [peers::PeerHandle::close, peers::PeerHandle::end] {
        let (mut peer, handle) = peers::peer("a", LIMITS);
        let (wakes, waker) = Wakes::new();
        let mut cx = Context::from_waker(&waker);
        peer.push(Outbound::new("1")).unwrap();
        handle.fill();
        assert!(peer.poll_room(&mut cx).is_pending());
        end(&handle);
        assert_eq!(wakes.take(), 1, "whoever waits for room waits no longer");
        assert!(matches!(peer.poll_room(&mut cx), Poll::Ready(Err(_))));
        let back = peer.push(Outbound::new("2")).unwrap_err().0;
        assert_eq!(back, Outbound::new("2"));
        assert_eq!(peer.reclaim(), [Outbound::new("1")]);
    }
}

#[test]
fn what_comes_back_at_the_end_comes_first() {
    let (mut peer, handle) = peers::peer("a", LIMITS);
    for payload in ["1", "2"] {
        peer.push(Outbound::new(payload)).unwrap();
    }
    let batch = handle.take();
    peer.push(Outbound::new("3")).unwrap();
    handle.end_with(batch);
    assert_eq!(peer.reclaim(), ["1", "2", "3"].map(Outbound::new));
}

#[tokio::test]
async fn the_test_waits_for_messages_and_hears_of_the_end() {
    let (mut peer, handle) = peers::peer("a", LIMITS);
    assert!(handle.next_message().now_or_never().is_none());
    let taking = handle.clone();
    let taking = tokio::spawn(async move {
        let first = taking.next_message().await;
        (first, taking.next_message().await)
    });
    tokio::task::yield_now().await;
    peer.push(Outbound::new("1")).unwrap();
    tokio::task::yield_now().await;
    handle.close();
    assert_eq!(taking.await.unwrap(), (Some(Outbound::new("1")), None));
}

/// Notes who comes and goes.
#[derive(Default)]
struct Seen(Vec<(bool, Identity)>);

impl Policy<MockPeer> for Seen {
    fn pick(&mut self, _: &PeerSet<MockPeer>, _: &Outbound) -> Pick<'_> {
        Pick::Nobody
    }

    fn peer_came(&mut self, identity: &Identity, _: &MockPeer) {
        self.0.push((true, identity.clone()));
    }

    fn peer_went(&mut self, identity: &Identity) {
        self.0.push((false, identity.clone()));
    }
}

#[test]
fn the_send_path_is_told_of_each_peer_once_when_it_comes_and_when_it_goes() {
    let (table, peers) = peers::pair(discard::pair().0);
    let mut distribute = Distribute::new(&table, Seen::default());
    let mut next = || {
        let _ = distribute.poll_ready(&mut cx());
        std::mem::take(&mut distribute.policy_mut().0)
    };
    assert_eq!(next(), []);
    let a = peers.insert("a", LIMITS);
    assert_eq!(next(), [(true, a.identity().clone())]);
    a.close();
    assert_eq!(next(), [], "a closed peer is for the send path to find out");
    a.end();
    a.end();
    assert_eq!(next(), [(false, a.identity().clone())]);
    assert_eq!(next(), []);
}

#[test]
fn a_set_has_its_peers_by_position() {
    let (set, handles) = peers::set(["a", "b"], LIMITS);
    assert_eq!(set.len(), 2);
    for (position, handle) in handles.iter().enumerate() {
        let message = Outbound::new(position.to_string());
        let mut peer = set.peer(position).unwrap().clone();
        peer.push(message).unwrap();
        assert_eq!(handle.take_payloads(), [position.to_string()]);
        assert_eq!(set.position(handle.identity()), Some(position));
    }
}

#[test]
#[should_panic(expected = "the name of a peer cannot be used")]
fn a_name_that_cannot_be_is_refused() {
    let (_table, peers) = peers::pair(discard::pair().0);
    peers.insert("", LIMITS);
}

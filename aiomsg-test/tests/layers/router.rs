use std::task::{Context, Poll, Waker};

use aiomsg_core::{DropReason, Identity, Limits, Outbound};
use aiomsg_layers::Router;
use aiomsg_layers::route::{Changes, PeerSet, Policy, Publish, Refused, RoundRobin, Route};
use aiomsg_test::discard::{self, DiscardHandle};
use aiomsg_test::peers::{self, LIMITS, MockPeer, PeersHandle};
use futures::FutureExt;
use tower::ServiceExt;

type Peers<Q> = Router<Changes<MockPeer>, Q>;

fn router<Q: Policy<MockPeer>>(policy: Q) -> (Peers<Q>, PeersHandle, DiscardHandle) {
    let (changes, peers) = peers::pair();
    let (discard, lost) = discard::pair();
    (Router::new(changes, policy, discard), peers, lost)
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn send<Q: Policy<MockPeer>>(router: &mut Peers<Q>, payload: &'static str) {
    assert!(router.poll_route(&mut cx()).is_ready());
    router.route(&mut cx(), Outbound::new(payload)).unwrap();
}

#[test]
fn round_robin_passes_over_peers_without_room() {
    let (mut router, peers, _) = router(RoundRobin::new());
    let [a, b, c] = ["a", "b", "c"].map(|name| peers.insert(name, LIMITS));
    b.fill();
    for payload in ["1", "2", "3"] {
        send(&mut router, payload);
    }
    b.free();
    send(&mut router, "4");
    send(&mut router, "5");
    assert_eq!(a.take_payloads(), ["1", "3"]);
    assert_eq!(b.take_payloads(), ["4"]);
    assert_eq!(c.take_payloads(), ["2", "5"]);
    assert_eq!(b.overruns(), 0);
}

#[test]
fn what_a_connection_did_not_send_goes_elsewhere_and_first() {
    let (mut router, peers, lost) = router(RoundRobin::new());
    let a = peers.insert("a", LIMITS);
    for payload in ["1", "2", "3"] {
        send(&mut router, payload);
    }
    // The first leaves, the second was taken and never left.
    let mut batch = a.take();
    batch.truncate(2);
    let second = batch.pop();
    send(&mut router, "4");
    a.end_with(second);
    assert!(router.poll_route(&mut cx()).is_pending(), "nobody is there");
    let b = peers.insert("b", LIMITS);
    send(&mut router, "5");
    assert_eq!(b.take_payloads(), ["2", "4", "5"]);
    assert!(lost.take().is_empty());
}

#[test]
fn an_end_that_the_router_finds_before_it_is_told() {
    let (mut router, peers, _) = router(RoundRobin::new());
    let [a, b] = ["a", "b"].map(|name| peers.insert(name, LIMITS));
    send(&mut router, "1");
    send(&mut router, "2");
    a.close();
    send(&mut router, "3");
    assert_eq!(b.take_payloads(), ["2", "3"]);
    // It takes no more, and may still send what it has.
    assert_eq!(a.len(), 1);
    a.end();
    send(&mut router, "4");
    assert_eq!(b.take_payloads(), ["1", "4"]);
}

#[test]
fn what_is_addressed_waits_for_its_peer() {
    let (mut router, peers, _) = router(RoundRobin::new());
    let [a, b] = ["a", "b"].map(|name| peers.insert(name, LIMITS));
    let to_a = Outbound::new("for a").to(a.identity().clone());
    router.route(&mut cx(), to_a).unwrap();
    assert!(router.poll_route(&mut cx()).is_ready());
    a.end();
    assert!(router.poll_route(&mut cx()).is_ready());
    assert!(b.is_empty());
    let a = peers.insert("a", LIMITS);
    assert!(router.poll_route(&mut cx()).is_ready());
    assert_eq!(a.take_payloads(), ["for a"]);
    let nobody = Identity::new("nobody").unwrap();
    router
        .route(&mut cx(), Outbound::new("x").to(nobody))
        .unwrap();
    assert!(router.has_mail());
}

#[test]
fn a_published_copy_that_a_connection_did_not_send_is_reported() {
    let (mut router, peers, lost) = router(Publish::new());
    let [a, b] = ["a", "b"].map(|name| peers.insert(name, LIMITS));
    send(&mut router, "news");
    assert_eq!(a.take_payloads(), ["news"]);
    b.end();
    assert!(router.poll_route(&mut cx()).is_ready());
    assert_eq!(
        lost.take_payloads(),
        [("news".into(), DropReason::PeerGone)]
    );
    assert!(a.is_empty(), "it has its copy");
}

/// The caller is woken by the peer that it waits for, whichever that is.
#[tokio::test]
async fn publish_waits_for_the_slowest_peer() {
    let (mut router, peers, _) = router(Publish::new());
    let one = Limits { items: 1, ..LIMITS };
    let [slow, fast] = ["slow", "fast"].map(|name| peers.insert(name, one));
    send(&mut router, "1");
    assert_eq!(fast.take().len(), 1);
    assert!(router.ready().now_or_never().is_none());
    let sending = tokio::spawn(async move { router.oneshot(Outbound::new("2")).await });
    tokio::task::yield_now().await;
    assert!(!sending.is_finished());
    assert_eq!(slow.take_payloads(), ["1"]);
    sending.await.unwrap().unwrap();
    for peer in [slow, fast] {
        assert_eq!(peer.take_payloads(), ["2"]);
        assert_eq!(peer.overruns(), 0);
    }
}

#[test]
fn policies_on_a_bare_set() {
    let (mut set, [a, b]) = peers::set(["a", "b"], LIMITS);
    let mut policy = Publish::new();
    assert!(policy.poll_ready(&mut set, &mut cx()).is_ready());
    policy.place(&mut set, Outbound::new("news")).unwrap();
    for peer in [&a, &b] {
        assert_eq!(peer.take_payloads(), ["news"]);
    }
    a.close();
    b.close();
    let refused = policy.place(&mut set, Outbound::new("late")).unwrap_err();
    assert_eq!(refused.message, Outbound::new("late"));
    assert_eq!(refused.position, Some(0));
}

/// When the peer whose turn it was had ended, its message went to the next one,
/// room or not.
#[test]
fn a_message_for_a_peer_that_ended_does_not_overfill_another() {
    let (mut router, peers, _) = router(RoundRobin::new());
    let [a, b] = ["a", "b"].map(|name| peers.insert(name, LIMITS));
    b.fill();
    assert!(router.poll_route(&mut cx()).is_ready(), "it is a's turn");
    a.close();
    let back = router
        .route(&mut cx(), Outbound::new("1"))
        .unwrap_err()
        .into_message();
    assert_eq!(b.overruns(), 0);
    b.free();
    assert!(router.poll_route(&mut cx()).is_ready());
    router.route(&mut cx(), back).unwrap();
    assert_eq!(b.take_payloads(), ["1"]);
}

/// A policy that names a peer that is not there made the router look for ever.
#[test]
fn a_policy_that_is_wrong_about_the_peers_gets_the_message_back() {
    struct Wrong;
    impl Policy<MockPeer> for Wrong {
        fn poll_ready(&mut self, _: &mut PeerSet<MockPeer>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }

        fn place(&mut self, _: &mut PeerSet<MockPeer>, message: Outbound) -> Result<(), Refused> {
            Err(Refused {
                message,
                position: Some(7),
            })
        }
    }
    let (mut router, peers, _) = router(Wrong);
    let _a = peers.insert("a", LIMITS);
    assert!(router.poll_route(&mut cx()).is_ready());
    let back = router
        .route(&mut cx(), Outbound::new("1"))
        .unwrap_err()
        .into_message();
    assert_eq!(back.payload(), "1");
}

/// What no peer wants is given up with a reason, and not kept for ever.
#[test]
fn what_nobody_wants_is_reported() {
    struct Nobody;
    impl Policy<MockPeer> for Nobody {
        fn poll_ready(&mut self, _: &mut PeerSet<MockPeer>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }

        fn place(&mut self, _: &mut PeerSet<MockPeer>, message: Outbound) -> Result<(), Refused> {
            Err(Refused {
                message,
                position: None,
            })
        }
    }
    let (mut router, peers, lost) = router(Nobody);
    let a = peers.insert("a", LIMITS);
    send(&mut router, "1");
    assert!(a.is_empty());
    let lost = lost.take();
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].reason, DropReason::Unwanted);
}

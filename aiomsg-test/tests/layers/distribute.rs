use std::task::{Context, Waker};

use aiomsg_core::{DropReason, Outbound};
use aiomsg_layers::Distribute;
use aiomsg_layers::distribute::{PeerSet, Pick, Policy, Publish, RoundRobin};
use aiomsg_test::discard::{self, DiscardHandle};
use aiomsg_test::peers::{self, LIMITS, MockPeer, PeersHandle};
use futures::FutureExt;
use tower::{Service, ServiceExt};

type Peers<Q> = Distribute<MockPeer, Q>;

fn distribute<Q: Policy<MockPeer>>(policy: Q) -> (Peers<Q>, PeersHandle, DiscardHandle) {
    let (discard, lost) = discard::pair();
    let (table, peers) = peers::pair(discard);
    (Distribute::new(&table, policy), peers, lost)
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn is_ready<Q: Policy<MockPeer>>(service: &mut Peers<Q>) -> bool {
    service.poll_ready(&mut cx()).is_ready()
}

fn call<Q: Policy<MockPeer>>(service: &mut Peers<Q>, payload: &'static str) {
    let called = service.call(Outbound::new(payload));
    called.now_or_never().expect("it never waits").unwrap();
}

fn send<Q: Policy<MockPeer>>(service: &mut Peers<Q>, payload: &'static str) {
    assert!(is_ready(service));
    call(service, payload);
}

#[test]
fn round_robin_passes_over_peers_without_room() {
    let (mut service, peers, _) = distribute(RoundRobin::new());
    let [a, b, c] = ["a", "b", "c"].map(|name| peers.insert(name, LIMITS));
    b.fill();
    for payload in ["1", "2", "3"] {
        send(&mut service, payload);
    }
    b.free();
    send(&mut service, "4");
    send(&mut service, "5");
    assert_eq!(a.take_payloads(), ["1", "3"]);
    assert_eq!(b.take_payloads(), ["4"]);
    assert_eq!(c.take_payloads(), ["2", "5"]);
    assert_eq!(b.overruns(), 0);
}

#[test]
fn what_a_connection_did_not_send_goes_elsewhere_and_first() {
    let (mut service, peers, lost) = distribute(RoundRobin::new());
    let a = peers.insert("a", LIMITS);
    for payload in ["1", "2", "3"] {
        send(&mut service, payload);
    }
    // The first leaves, the second was taken and never left.
    let mut batch = a.take();
    batch.truncate(2);
    let second = batch.pop();
    send(&mut service, "4");
    a.end_with(second);
    assert!(!is_ready(&mut service), "nobody is there");
    let b = peers.insert("b", LIMITS);
    send(&mut service, "5");
    assert_eq!(b.take_payloads(), ["2", "4", "5"]);
    assert!(lost.take().is_empty());
}

#[test]
fn an_end_that_it_finds_before_it_is_told() {
    let (mut service, peers, _) = distribute(RoundRobin::new());
    let [a, b] = ["a", "b"].map(|name| peers.insert(name, LIMITS));
    send(&mut service, "1");
    send(&mut service, "2");
    a.close();
    send(&mut service, "3");
    assert_eq!(b.take_payloads(), ["2", "3"]);
    // It takes no more, and may still send what it has.
    assert_eq!(a.len(), 1);
    a.end();
    send(&mut service, "4");
    assert_eq!(b.take_payloads(), ["1", "4"]);
}

#[test]
fn a_published_copy_that_a_connection_did_not_send_is_reported() {
    let (mut service, peers, lost) = distribute(Publish::new());
    let [a, b] = ["a", "b"].map(|name| peers.insert(name, LIMITS));
    send(&mut service, "news");
    assert_eq!(a.take_payloads(), ["news"]);
    b.end();
    assert!(is_ready(&mut service));
    assert_eq!(
        lost.take_payloads(),
        [("news".into(), DropReason::PeerGone)]
    );
    assert!(a.is_empty(), "it has its copy");
}

/// The caller is woken by the peer that it waits for, whichever that is.
#[tokio::test]
async fn publish_waits_for_the_slowest_peer() {
    let (mut service, peers, _) = distribute(Publish::new());
    let one = aiomsg_core::Limits { items: 1, ..LIMITS };
    let [slow, fast] = ["slow", "fast"].map(|name| peers.insert(name, one));
    send(&mut service, "1");
    assert_eq!(fast.take().len(), 1);
    assert!(service.ready().now_or_never().is_none());
    let sending = tokio::spawn(async move { service.oneshot(Outbound::new("2")).await });
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
    let (mut set, [a, _b]) = peers::set(["a", "b"], LIMITS);
    let news = Outbound::new("news");
    let mut policy = Publish::new();
    assert!(policy.poll_ready(&set, &mut cx()).is_ready());
    assert!(matches!(policy.pick(&set, &news), Pick::All));
    a.fill();
    set.look(&mut cx());
    assert!(policy.poll_ready(&set, &mut cx()).is_pending());
    a.free();
    set.look(&mut cx());
    assert!(policy.poll_ready(&set, &mut cx()).is_ready());
}

/// When the peer whose turn it was had ended, its message went to the next one,
/// room or not.
#[test]
fn a_message_for_a_peer_that_ended_does_not_overfill_another() {
    let (mut service, peers, _) = distribute(RoundRobin::new());
    let [a, b] = ["a", "b"].map(|name| peers.insert(name, LIMITS));
    b.fill();
    assert!(is_ready(&mut service), "it is a's turn");
    a.close();
    call(&mut service, "1");
    assert_eq!(b.overruns(), 0);
    assert_eq!(service.len(), 1, "it waits");
    assert!(!is_ready(&mut service));
    b.free();
    assert!(is_ready(&mut service));
    assert_eq!(b.take_payloads(), ["1"]);
}

/// A policy that names a peer that is not there made the router look for ever.
#[test]
fn a_policy_that_is_wrong_about_the_peers_makes_the_message_wait() {
    struct Wrong;
    impl<P> Policy<P> for Wrong {
        fn pick(&mut self, _: &PeerSet<P>, _: &Outbound) -> Pick<'_> {
            Pick::One(7)
        }
    }
    let (mut service, peers, _) = distribute(Wrong);
    let a = peers.insert("a", LIMITS);
    send(&mut service, "1");
    assert!(!is_ready(&mut service), "nothing new passes it");
    assert!(a.is_empty());
    let left = service.drain();
    assert_eq!(left[0].payload(), "1");
}

/// What no peer wants is dropped with a reason, and not kept for ever.
#[test]
fn what_nobody_wants_is_reported() {
    struct Nobody;
    impl<P> Policy<P> for Nobody {
        fn pick(&mut self, _: &PeerSet<P>, _: &Outbound) -> Pick<'_> {
            Pick::Nobody
        }
    }
    let (mut service, peers, lost) = distribute(Nobody);
    let a = peers.insert("a", LIMITS);
    send(&mut service, "1");
    assert!(a.is_empty());
    let lost = lost.take();
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].reason, DropReason::Unwanted);
}

//! By identity, around a mock of the service inside.

use std::time::Duration;

use aiomsg_core::{DropReason, Error, ErrorKind, Identity, Limits, Outbound};
use aiomsg_layers::by_identity::{ByIdentity, MailboxSettings};
use aiomsg_layers::{ByIdentityLayer, Overflow};
use aiomsg_test::discard::{self, DiscardHandle};
use aiomsg_test::peers::{self, LIMITS, MockPeer, PeersHandle};
use futures::FutureExt;
use tokio::time::sleep;
use tower::util::MapErr;
use tower::{Layer, Service, ServiceExt};
use tower_test::mock::{self, Handle, Mock};

type Inside = MapErr<Mock<Outbound, ()>, fn(tower::BoxError) -> Error>;

struct Fixture {
    service: ByIdentity<Inside, MockPeer>,
    inside: Handle<Outbound, ()>,
    peers: PeersHandle,
    lost: DiscardHandle,
}

fn fixture(layer: impl FnOnce(ByIdentityLayer<MockPeer>) -> ByIdentityLayer<MockPeer>) -> Fixture {
    let (discard, lost) = discard::pair();
    let (table, peers) = peers::pair(discard);
    let (mock, inside) = mock::pair();
    let error: fn(tower::BoxError) -> Error =
        |error| Error::new(ErrorKind::Layer).with_source(error);
    let service = layer(ByIdentityLayer::new(&table)).layer(mock.map_err(error));
    Fixture {
        service,
        inside,
        peers,
        lost,
    }
}

fn to(peer: &str, payload: &'static str) -> Outbound {
    Outbound::new(payload).to(Identity::new(peer).unwrap())
}

impl Fixture {
    /// Sends without asking whether the service is ready.
    fn call(&mut self, message: Outbound) -> Option<Result<(), Error>> {
        self.service.call(message).now_or_never()
    }

    fn poll(&mut self) -> bool {
        self.service.ready().now_or_never().is_some()
    }
}

#[tokio::test]
async fn what_is_for_anyone_goes_on_when_the_service_inside_is_ready() {
    let mut it = fixture(|layer| layer);
    it.inside.allow(0);
    assert!(!it.poll());
    it.inside.allow(1);
    let sending = it.service.ready().await.unwrap().call(Outbound::new("x"));
    let (message, respond) = it.inside.next_request().await.unwrap();
    assert_eq!(message.payload(), "x");
    respond.send_response(());
    sending.await.unwrap();
}

#[test]
fn what_is_addressed_needs_no_readiness_and_does_not_go_on() {
    let mut it = fixture(|layer| layer);
    it.inside.allow(0);
    let [a, b] = ["a", "b"].map(|name| it.peers.insert(name, LIMITS));
    assert!(!it.poll());
    it.call(to("a", "1")).unwrap().unwrap();
    it.call(to("b", "2")).unwrap().unwrap();
    assert_eq!(a.take_payloads(), ["1"]);
    assert_eq!(b.take_payloads(), ["2"]);
    assert!(it.inside.next_request().now_or_never().is_none());
}

#[test]
fn who_waits_for_one_peer_waits_alone_and_in_turn() {
    let mut it = fixture(|layer| layer);
    let one = Limits { items: 1, ..LIMITS };
    let [full, free] = ["full", "free"].map(|name| it.peers.insert(name, one));
    it.poll();
    it.call(to("full", "1")).unwrap().unwrap();
    let mut waiting = ["2", "3"].map(|payload| Box::pin(it.service.call(to("full", payload))));
    for waiting in &mut waiting {
        assert!(waiting.now_or_never().is_none());
    }
    it.call(to("free", "x")).unwrap().unwrap();
    assert_eq!(free.take_payloads(), ["x"]);
    let [mut second, mut third] = waiting;
    for (payload, sending) in [("1", &mut second), ("2", &mut third)] {
        assert_eq!(full.take_payloads(), [payload]);
        sending.now_or_never().expect("it is its turn").unwrap();
    }
    assert_eq!(full.take_payloads(), ["3"]);
    assert_eq!(full.overruns(), 0);
}

/// Dropped before it is ready, the message is not sent, and those behind it go on.
#[test]
fn one_who_gives_up_leaves_the_line() {
    let mut it = fixture(|layer| layer);
    let one = Limits { items: 1, ..LIMITS };
    let a = it.peers.insert("a", one);
    it.poll();
    it.call(to("a", "1")).unwrap().unwrap();
    let mut given_up = it.service.call(to("a", "given up"));
    let mut next = it.service.call(to("a", "2"));
    assert!((&mut given_up).now_or_never().is_none());
    assert!((&mut next).now_or_never().is_none());
    drop(given_up);
    assert_eq!(a.take_payloads(), ["1"]);
    next.now_or_never().expect("there is room").unwrap();
    assert_eq!(a.take_payloads(), ["2"]);
}

#[test]
fn what_is_for_an_absent_peer_waits_for_it_in_order() {
    let mut it = fixture(|layer| layer);
    let b = it.peers.insert("b", LIMITS);
    for payload in ["1", "2"] {
        it.call(to("a", payload)).unwrap().unwrap();
    }
    assert!(b.is_empty() && it.service.mail() > 0);
    let a = it.peers.insert("a", Limits { items: 1, ..LIMITS });
    it.poll();
    it.call(to("a", "3")).unwrap().unwrap();
    for payload in ["1", "2", "3"] {
        assert_eq!(a.take_payloads(), [payload]);
        it.poll();
    }
    assert_eq!(it.service.mail(), 0);
}

#[test]
fn what_its_connection_had_not_sent_comes_first_when_it_is_back() {
    let mut it = fixture(|layer| layer);
    let a = it.peers.insert("a", LIMITS);
    it.poll();
    for payload in ["1", "2"] {
        it.call(to("a", payload)).unwrap().unwrap();
    }
    a.end();
    it.poll();
    it.call(to("a", "3")).unwrap().unwrap();
    let a = it.peers.insert("a", LIMITS);
    it.poll();
    assert_eq!(a.take_payloads(), ["1", "2", "3"]);
    assert!(it.lost.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_peer_that_stays_away_is_dropped_in_time() {
    let mut it = fixture(|layer| layer);
    tokio::spawn(it.service.expiry().run());
    it.call(to("a", "1")).unwrap().unwrap();
    sleep(Duration::from_secs(30)).await;
    it.call(to("a", "2")).unwrap().unwrap();
    sleep(Duration::from_secs(31)).await;
    assert_eq!(
        it.lost.take_payloads(),
        [("1".into(), DropReason::PeerAbsent)]
    );
    sleep(Duration::from_secs(30)).await;
    assert_eq!(
        it.lost.take_payloads(),
        [("2".into(), DropReason::PeerAbsent)]
    );
}

/// One absent peer has three quarters of the bound, and what is for another still fits.
#[test]
fn a_mailbox_is_bounded_for_each_peer_and_in_all() {
    let mut settings = MailboxSettings::default();
    settings.limits.items = 8;
    let mut it = fixture(|layer| layer.mailboxes(settings));
    let sent = |it: &mut Fixture, peer| it.call(to(peer, "x")).is_some();
    assert_eq!((0..20).filter(|_| sent(&mut it, "a")).count(), 6);
    assert!(sent(&mut it, "b"));
    it.peers.insert("a", LIMITS);
    it.poll();
    assert!(sent(&mut it, "b"), "there is room again");
}

#[test]
fn closing_hands_back_what_waits_and_refuses_the_rest() {
    let mut settings = MailboxSettings::default();
    settings.limits.items = 1;
    let mut it = fixture(|layer| layer.mailboxes(settings));
    it.call(to("a", "1")).unwrap().unwrap();
    let mut waiting = it.service.call(to("a", "2"));
    assert!((&mut waiting).now_or_never().is_none());
    let left: Vec<_> = it.service.close();
    assert_eq!(left, [to("a", "1")]);
    let mut error = waiting.now_or_never().unwrap().unwrap_err();
    assert!(error.is_closed());
    assert_eq!(error.take_message().unwrap().payload(), "2");
    let mut error = it.call(to("a", "3")).unwrap().unwrap_err();
    assert_eq!(error.take_message().unwrap().payload(), "3");
}

#[test]
fn a_full_peer_and_a_full_mailbox_overflow_alike() {
    for (overflow, kept, dropped) in [
        (Overflow::DropOldest, vec!["2", "3"], vec!["1"]),
        (Overflow::KeepNewest, vec!["3"], vec!["1", "2"]),
        (Overflow::RefuseNewest, vec!["1", "2"], vec![]),
    ] {
        for absent in [false, true] {
            let two = Limits { items: 2, ..LIMITS };
            let mut settings = MailboxSettings::default();
            settings.limits = two;
            let mut it = fixture(|layer| layer.overflow(overflow).mailboxes(settings));
            let here = (!absent).then(|| it.peers.insert("a", two));
            it.poll();
            for payload in ["1", "2", "3"] {
                let refused = it.call(to("a", payload)).unwrap().is_err();
                assert_eq!(
                    refused,
                    overflow == Overflow::RefuseNewest && payload == "3"
                );
            }
            let here = here.unwrap_or_else(|| it.peers.insert("a", two));
            it.poll();
            assert_eq!(here.take_payloads(), kept, "{overflow:?}");
            let lost = it.lost.take().into_iter();
            let lost: Vec<_> = lost.map(|it| it.message.into_payload()).collect();
            assert_eq!(lost, dropped, "{overflow:?}");
        }
    }
}

//! The four behaviours of the send path, stacked by hand with nothing but tower's
//! `ServiceBuilder`: all of them, and with some left out.

use aiomsg_core::{Error, Identity, Limits, Outbound};
use aiomsg_layers::at_least_once::Settings;
use aiomsg_layers::distribute::RoundRobin;
use aiomsg_layers::{AtLeastOnceLayer, BufferLayer, ByIdentityLayer, Distribute, Driven, Overflow};
use aiomsg_test::discard::{self, DiscardHandle};
use aiomsg_test::peers::{self, LIMITS, MockPeer, PeersHandle};
use futures::FutureExt;
use tokio::time::{Duration, sleep};
use tower::{Service, ServiceBuilder, ServiceExt};

const ONE: Limits = Limits { items: 1, ..LIMITS };

fn table() -> (
    aiomsg_layers::peers::Peers<MockPeer>,
    PeersHandle,
    DiscardHandle,
) {
    let (discard, lost) = discard::pair();
    let (table, peers) = peers::pair(discard);
    (table, peers, lost)
}

fn to(peer: &str, payload: &'static str) -> Outbound {
    Outbound::new(payload).to(Identity::new(peer).unwrap())
}

async fn send<S>(stack: &mut S, message: impl Into<Outbound>)
where
    S: Service<Outbound, Error = Error>,
{
    let ready = stack.ready().await.unwrap();
    ready.call(message.into()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn all_four_with_a_driver() {
    let (table, peers, lost) = table();
    let at_least_once = AtLeastOnceLayer::new(table.discard().clone());
    let unacked = at_least_once.unacked();
    let distribute = Distribute::new(&table, RoundRobin::new());
    let stack = ServiceBuilder::new()
        .layer(at_least_once)
        .layer(ByIdentityLayer::new(&table))
        .layer(BufferLayer::new(BufferLayer::LIMITS).while_nobody(distribute.reach()))
        .service(distribute);
    let (mut stack, driver) = Driven::new(stack);
    tokio::spawn(driver.run());

    send(&mut stack, "for anyone").await;
    send(&mut stack, to("b", "for b")).await;
    assert_eq!(unacked.len(), 2);
    // Nobody sends any more: the driver moves what waits.
    let a = peers.insert("a", LIMITS);
    assert_eq!(a.next_message().await.unwrap().payload(), "for anyone");
    let b = peers.insert("b", LIMITS);
    assert_eq!(b.next_message().await.unwrap().payload(), "for b");
    // What a connection leaves goes to another peer, or waits for its own.
    send(&mut stack, to("b", "again for b")).await;
    b.end();
    let b = peers.insert("b", LIMITS);
    assert_eq!(b.next_message().await.unwrap().payload(), "again for b");
    assert!(lost.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_that_is_shared_waits_for_room_and_wakes_all_who_wait() {
    let (table, peers, _) = table();
    let stack = ServiceBuilder::new()
        .layer(ByIdentityLayer::new(&table))
        .service(Distribute::new(&table, RoundRobin::new()));
    let (stack, driver) = Driven::new(stack);
    tokio::spawn(driver.run());
    let a = peers.insert("a", ONE);
    let senders: Vec<_> = (0..10)
        .map(|n| {
            let mut stack = stack.clone();
            tokio::spawn(async move { send(&mut stack, n.to_string()).await })
        })
        .collect();
    for _ in 0..10 {
        sleep(Duration::from_millis(1)).await;
        assert_eq!(a.take().len(), 1);
    }
    for sender in senders {
        sender.await.unwrap();
    }
}

#[tokio::test]
async fn without_at_least_once_and_by_identity() {
    let (table, peers, _) = table();
    let mut stack = ServiceBuilder::new()
        .layer(BufferLayer::new(ONE))
        .service(Distribute::new(&table, RoundRobin::new()));
    send(&mut stack, "1").await;
    assert!(stack.ready().now_or_never().is_none(), "it is full");
    let a = peers.insert("a", LIMITS);
    send(&mut stack, "2").await;
    assert_eq!(a.take_payloads(), ["1", "2"]);
}

#[tokio::test]
async fn without_by_identity_and_buffer() {
    let (table, peers, _) = table();
    let at_least_once =
        AtLeastOnceLayer::with_settings(Settings::new().limits(ONE), table.discard().clone());
    let unacked = at_least_once.unacked();
    let mut stack = ServiceBuilder::new()
        .layer(at_least_once)
        .service(Distribute::new(&table, RoundRobin::new()));
    assert!(stack.ready().now_or_never().is_none(), "nobody is there");
    let a = peers.insert("a", LIMITS);
    send(&mut stack, "1").await;
    assert!(
        stack.ready().now_or_never().is_none(),
        "one is unacknowledged"
    );
    let sent = a.take();
    assert!(unacked.forget(sent[0].id().unwrap()));
    send(&mut stack, "2").await;
    assert_eq!(a.take_payloads(), ["2"]);
}

#[tokio::test]
async fn without_buffer_and_with_a_layer_of_towers_between() {
    let (table, peers, _) = table();
    let mut stack = ServiceBuilder::new()
        .layer(ByIdentityLayer::new(&table))
        .map_request(|message: Outbound| {
            let payload = [message.payload(), &b"!"[..]].concat();
            message.with_payload(payload)
        })
        .service(Distribute::new(&table, RoundRobin::new()).overflow(Overflow::DropOldest));
    let a = peers.insert("a", ONE);
    send(&mut stack, "1").await;
    send(&mut stack, "2").await;
    assert_eq!(a.take_payloads(), ["2!"], "the oldest was dropped");
    send(&mut stack, to("a", "3")).await;
    assert_eq!(
        a.take_payloads(),
        ["3"],
        "what is addressed takes another way"
    );
}

/// The other way round, which is as sensible: what is addressed waits in no buffer.
#[tokio::test]
async fn in_another_order() {
    let (table, peers, _) = table();
    let mut stack = ServiceBuilder::new()
        .layer(BufferLayer::new(ONE))
        .layer(ByIdentityLayer::new(&table))
        .service(Distribute::new(&table, RoundRobin::new()));
    let a = peers.insert("a", LIMITS);
    send(&mut stack, to("a", "1")).await;
    send(&mut stack, "2").await;
    assert_eq!(a.take_payloads(), ["1", "2"]);
}

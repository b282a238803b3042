//! Connecting to every address of a name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use aiomsg::resolve::{Addresses, Name};
use aiomsg::{Error, Limits, SocketBuilder};

use super::*;

/// A resolver whose answer can be changed.
#[derive(Clone, Default)]
pub(crate) struct Registry(Arc<Mutex<Vec<IpAddr>>>);

impl Registry {
    pub(crate) fn new(last_bytes: impl IntoIterator<Item = u8>) -> Self {
        let registry = Self::default();
        registry.set(last_bytes);
        registry
    }

    /// Sets the addresses: 127.0.0.1 for 1, and so on.
    pub(crate) fn set(&self, last_bytes: impl IntoIterator<Item = u8>) {
        let addresses = last_bytes.into_iter().map(|it| ip(it).into());
        *self.0.lock().unwrap() = addresses.collect();
    }

    /// A socket that asks it all the time.
    pub(crate) fn socket(&self) -> SocketBuilder {
        let registry = self.0.clone();
        let resolver = tower::service_fn(move |name: Name| {
            let addresses = registry.lock().unwrap().clone();
            let addresses = addresses.into_iter();
            let addresses = addresses.map(move |ip| SocketAddr::new(ip, name.port()));
            std::future::ready(Ok::<_, Error>(Addresses::new(addresses)))
        });
        Socket::builder()
            .resolver(resolver)
            .resolve_interval(Duration::from_millis(20))
    }
}

pub(crate) fn ip(last_byte: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, last_byte)
}

/// Workers at 127.0.0.1, 127.0.0.2 and so on, all at one port.
pub(crate) async fn workers(make: impl Fn() -> Socket, scheme: &str) -> (Vec<Socket>, u16) {
    let first = make();
    let endpoint = first.bind(format!("{scheme}://127.0.0.1:0")).await.unwrap();
    let port = endpoint.port().unwrap();
    let mut workers = vec![first];
    for last_byte in 2..=3 {
        let worker = make();
        let endpoint = format!("{scheme}://127.0.0.{last_byte}:{port}");
        worker.bind(endpoint).await.unwrap();
        workers.push(worker);
    }
    (workers, port)
}

pub(crate) async fn plain_workers() -> (Vec<Socket>, u16) {
    workers(|| Socket::new().unwrap(), "tcp").await
}

/// The next change of addresses: what was added, and what was removed.
pub(crate) async fn changed(events: &mut Events) -> (Vec<String>, Vec<String>) {
    let shown = |all: &[Endpoint]| all.iter().map(ToString::to_string).collect();
    event(events, "a change of addresses", |event| match event {
        Event::AddressesChanged { added, removed, .. } => Some((shown(&added), shown(&removed))),
        _ => None,
    })
    .await
}

pub(crate) async fn has_peers(socket: &Socket, count: usize) {
    within("the peers", async {
        while socket.stats().peers != count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Receives this many messages at any of these sockets. Returns the numbers in the messages
/// of each.
pub(crate) async fn received(sockets: &[&Socket], count: usize) -> BTreeMap<usize, BTreeSet<u32>> {
    let mut all = BTreeMap::new();
    let mut messages: futures::stream::SelectAll<_> = sockets
        .iter()
        .enumerate()
        .map(|(at, socket)| {
            let socket = (*socket).clone();
            Box::pin(futures::stream::unfold(socket, move |socket| async move {
                let text = socket.recv_text().await.ok()?;
                Some(((at, text), socket))
            }))
        })
        .collect();
    for _ in 0..count {
        let next = futures::StreamExt::next(&mut messages);
        let (at, text) = within("a message", next).await.unwrap();
        let new = all
            .entry(at)
            .or_insert_with(BTreeSet::new)
            .insert(text.parse().unwrap());
        assert!(new, "{text} came twice");
    }
    all
}

#[tokio::test]
async fn every_address_gets_work_and_one_that_leaves_gets_no_more() {
    let (workers, port) = plain_workers().await;
    let at = |last_byte: u8| format!("tcp://127.0.0.{last_byte}:{port}");
    let registry = Registry::new([1, 2, 3]);
    let producer = registry.socket().build().unwrap();
    let mut events = producer.events();
    producer
        .connect_all(format!("tcp://workers:{port}"))
        .unwrap();
    assert_eq!(
        changed(&mut events).await,
        (vec![at(1), at(2), at(3)], vec![])
    );
    has_peers(&producer, 3).await;

    for n in 0..30 {
        producer.send(n.to_string()).await.unwrap();
    }
    let all: Vec<_> = workers.iter().collect();
    let each: Vec<_> = received(&all, 30)
        .await
        .into_values()
        .map(|it| it.len())
        .collect();
    assert_eq!(each, [10, 10, 10]);

    registry.set([1, 3]);
    assert_eq!(changed(&mut events).await, (vec![], vec![at(2)]));
    has_peers(&producer, 2).await;
    for n in 0..30 {
        producer.send(n.to_string()).await.unwrap();
    }
    let each = received(&[&workers[0], &workers[2]], 30).await;
    assert_eq!(
        each.values().map(BTreeSet::len).collect::<Vec<_>>(),
        [15, 15]
    );

    registry.set([1, 2, 3]);
    assert_eq!(changed(&mut events).await, (vec![at(2)], vec![]));
    has_peers(&producer, 3).await;
}

/// Sends some messages as soon as it is woken, and has them written.
struct SendsAtOnce(Socket);

impl Wake for SendsAtOnce {
    fn wake(self: Arc<Self>) {
        for n in 0..30 {
            let sent = futures::FutureExt::now_or_never(self.0.send(n.to_string()));
            sent.expect("there is room").unwrap();
        }
        // Other threads write what is in the queues.
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_hears_that_an_address_left_sends_nothing_to_it() {
    let (workers, port) = plain_workers().await;
    let registry = Registry::new([1, 2, 3]);
    let producer = registry.socket().build().unwrap();
    let mut events = producer.events();
    producer
        .connect_all(format!("tcp://workers:{port}"))
        .unwrap();
    has_peers(&producer, 3).await;
    while futures::FutureExt::now_or_never(events.next()).is_some() {}

    let waker = Waker::from(Arc::new(SendsAtOnce(producer.clone())));
    let mut next = std::pin::pin!(events.next());
    let polled = next.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    registry.set([1, 3]);
    let each = received(&[&workers[0], &workers[2]], 30).await;
    assert_eq!(each.values().map(BTreeSet::len).sum::<usize>(), 30);
    assert!(matches!(
        next.await,
        Some(Event::AddressesChanged { removed, .. }) if removed.len() == 1
    ));
}

/// The messages in the queue of the one that leaves go to the others at once, although it
/// lives, and reads nothing.
#[tokio::test]
async fn the_queue_of_an_address_that_leaves_goes_to_the_others() {
    const EACH: usize = 96;
    let limits = |items, bytes| Limits { items, bytes };
    let make = || {
        let small = limits(1, 1 << 16);
        Socket::builder().receive_limits(small).build().unwrap()
    };
    let (workers, port) = self::workers(make, "tcp").await;
    let registry = Registry::new([1, 2, 3]);
    let producer = registry.socket().peer_limits(limits(1000, 64 << 20));
    let producer = producer.build().unwrap();
    producer
        .connect_all(format!("tcp://workers:{port}"))
        .unwrap();
    has_peers(&producer, 3).await;

    // Twice as much as systems hold of a connection, for each. No worker reads.
    let padding = "0".repeat(256 << 10);
    for n in 0..3 * EACH {
        producer.send(format!("{padding}{n}")).await.unwrap();
    }
    // Each connection has taken its part, and cannot send all of it.
    within("the connections to begin", async {
        while producer.peer_stats().iter().any(|it| it.sent_messages == 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    for n in 3 * EACH..3 * EACH + 30 {
        producer.send(n.to_string()).await.unwrap();
    }
    let mut events = producer.events();
    registry.set([1, 3]);
    changed(&mut events).await;
    let all: Vec<_> = workers.iter().collect();
    let got = received(&all, 3 * EACH + 30).await;
    let each: Vec<_> = got.values().map(BTreeSet::len).collect();
    assert_eq!(each, [EACH + 15, EACH, EACH + 15]);
    // The connection has ended in good order.
    has_peers(&producer, 2).await;
}

/// Under load, all the time.
#[tokio::test]
async fn nothing_is_lost_while_addresses_come_and_go() {
    const COUNT: usize = 3000;
    let (workers, port) = plain_workers().await;
    let registry = Registry::new([1]);
    let producer = registry.socket().build().unwrap();
    let mut events = producer.events();
    producer
        .connect_all(format!("tcp://workers:{port}"))
        .unwrap();
    changed(&mut events).await;
    let sending = async {
        for n in 0..COUNT {
            producer.send(n.to_string()).await.unwrap();
            if n % 500 == 499 {
                let round = u8::try_from(n / 500).unwrap();
                registry.set([1 + round % 3, 1 + (round + 1) % 3]);
                changed(&mut events).await;
            }
        }
    };
    let all: Vec<_> = workers.iter().collect();
    let ((), got) = tokio::join!(sending, received(&all, COUNT));
    assert_eq!(got.values().map(BTreeSet::len).sum::<usize>(), COUNT);
}

#[tokio::test]
async fn disconnect_ends_all_of_it() {
    let (_workers, port) = plain_workers().await;
    let registry = Registry::new([1, 2, 3]);
    let producer = registry.socket().build().unwrap();
    let name = format!("tcp://workers:{port}");
    producer.connect_all(&name).unwrap();
    let error = producer.connect_all(&name).unwrap_err();
    assert!(error.is_address(), "{error}");
    has_peers(&producer, 3).await;
    let mut events = producer.events();
    producer.disconnect(&name).unwrap();
    has_peers(&producer, 0).await;
    // Nothing is looked up any more, either.
    registry.set([1]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    while let Some(event) = futures::FutureExt::now_or_never(events.next()) {
        let event = event.expect("the socket is open");
        assert!(matches!(event, Event::PeerDown { .. }), "{event:?}");
    }
    producer.connect_all(&name).unwrap();
    has_peers(&producer, 1).await;
}

#[tokio::test]
async fn there_are_no_more_connections_than_allowed() {
    let (_workers, port) = plain_workers().await;
    let registry = Registry::new([1, 2, 3]);
    let producer = registry.socket().max_addresses(2).build().unwrap();
    let mut events = producer.events();
    producer
        .connect_all(format!("tcp://workers:{port}"))
        .unwrap();
    let (added, omitted) = event(&mut events, "the addresses", |event| match event {
        Event::AddressesChanged { added, omitted, .. } => Some((added.len(), omitted)),
        _ => None,
    })
    .await;
    assert_eq!((added, omitted), (2, 1));
    has_peers(&producer, 2).await;
}

#[tokio::test]
async fn what_cannot_be_followed_is_named() {
    let socket = Registry::default().socket().build().unwrap();
    for (endpoint, words) in [
        ("unix:///run/app.sock", "use connect"),
        ("mem://jobs", "use connect"),
        ("tls://jobs@10.0.0.7:1", "use connect"),
        ("tls://jobs:1", "no tls settings"),
        ("tcp://jobs:0", "nobody listens at port 0"),
        ("tcp://jobs", "port is missing"),
    ] {
        let error = socket.connect_all(endpoint).unwrap_err();
        let error = error.chain().to_string();
        assert!(error.contains(words) && error.contains(endpoint), "{error}");
    }
    let refused = Socket::builder().max_addresses(0).build().unwrap_err();
    assert!(refused.to_string().contains("max_addresses"), "{refused}");
    let refused = Socket::builder().resolve_interval(Duration::ZERO).build();
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("resolve_interval"), "{refused}");
}

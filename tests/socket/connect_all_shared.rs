//! Addresses that several names have, or that are connected to as well.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aiomsg::resolve::{Addresses, Name};
use aiomsg::{Error, Identity};
use futures::FutureExt;

use super::connect_all::{changed, has_peers, ip, plain_workers, received};
use super::*;

/// Names with one address each, which can be changed.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<HashMap<&'static str, u8>>>);

impl Names {
    fn set(&self, name: &'static str, last_byte: u8) {
        self.0.lock().unwrap().insert(name, last_byte);
    }

    /// A socket that asks all the time.
    fn socket(&self) -> Socket {
        let names = self.clone();
        let resolver = tower::service_fn(move |name: Name| {
            let last_byte = names.0.lock().unwrap()[name.host()];
            let address = SocketAddr::new(ip(last_byte).into(), name.port());
            std::future::ready(Ok::<_, Error>(Addresses::new([address])))
        });
        Socket::builder()
            .resolver(resolver)
            .resolve_interval(Duration::from_millis(20))
            .build()
            .unwrap()
    }
}

/// Both workers get messages by identity, and in turn.
async fn reaches_both(producer: &Socket, first: &Identity, workers: &[Socket]) {
    producer.send_to(first.clone(), "own").await.unwrap();
    let own = within("the addressed one", workers[0].recv_text()).await;
    assert_eq!(own.unwrap(), "own");
    for n in 0..10 {
        producer.send(n.to_string()).await.unwrap();
    }
    let each = received(&[&workers[0], &workers[1]], 10).await;
    let each: Vec<_> = each.values().map(BTreeSet::len).collect();
    assert_eq!(each, [5, 5]);
}

/// The connections that have ended since.
fn ended(events: &mut Events) -> usize {
    let news = std::iter::from_fn(|| events.next().now_or_never().flatten());
    news.filter(|it| matches!(it, Event::PeerDown { .. }))
        .count()
}

#[tokio::test]
async fn a_name_that_leaves_an_address_takes_no_connection_of_others() {
    let (workers, port) = plain_workers().await;
    let names = Names::default();
    names.set("jobs", 1);
    let producer = names.socket();
    producer.connect(format!("tcp://127.0.0.1:{port}")).unwrap();
    has_peers(&producer, 1).await;
    let first = producer.peers()[0].identity.clone();
    let (mut changes, mut events) = (producer.events(), producer.events());
    producer.connect_all(format!("tcp://jobs:{port}")).unwrap();
    changed(&mut changes).await;

    names.set("jobs", 2);
    changed(&mut changes).await;
    has_peers(&producer, 2).await;
    reaches_both(&producer, &first, &workers).await;
    assert_eq!(ended(&mut events), 0);
}

/// The connection of the other one stays. If it was of the one that leaves, the other one
/// connects.
#[tokio::test]
async fn an_address_of_two_names_stays_until_both_have_left_it() {
    for (leaves, ends) in [("late", 0), ("early", 1)] {
        let (workers, port) = plain_workers().await;
        let names = Names::default();
        names.set("early", 1);
        names.set("late", 1);
        let producer = names.socket();
        let (mut changes, mut events) = (producer.events(), producer.events());
        producer.connect_all(format!("tcp://early:{port}")).unwrap();
        changed(&mut changes).await;
        has_peers(&producer, 1).await;
        let first = producer.peers()[0].identity.clone();
        producer.connect_all(format!("tcp://late:{port}")).unwrap();
        changed(&mut changes).await;

        names.set(leaves, 2);
        changed(&mut changes).await;
        producer.send_to(first.clone(), "mine").await.unwrap();
        let mine = within("what is sent meanwhile", workers[0].recv_text()).await;
        assert_eq!(mine.unwrap(), "mine", "{leaves}");
        has_peers(&producer, 2).await;
        reaches_both(&producer, &first, &workers).await;
        assert_eq!(ended(&mut events), ends, "{leaves}");

        names.set("early", 2);
        names.set("late", 2);
        changed(&mut changes).await;
        has_peers(&producer, 1).await;
    }
}

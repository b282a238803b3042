//! The cost of a message grows with its subscribers: other peers are not asked for room.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use aiomsg_core::{Identity, Limits, Outbound};
use futures::FutureExt;
use tower::Service;

use super::cx;
use crate::distribute::Distribute;
use crate::peers::Peers;
use crate::queue::{Closed, Offered, Peer, Queue, Shed};
use crate::topics::{ByTopic, Topics};

/// Counts how often peers are asked whether they have room.
#[derive(Clone)]
struct Asked {
    queue: Queue<Outbound>,
    count: Arc<AtomicUsize>,
}

impl Peer for Asked {
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.queue.poll_room(cx)
    }

    fn push(&mut self, message: Outbound) -> Result<(), Closed<Outbound>> {
        Peer::push(&mut self.queue, message)
    }

    fn offer(&mut self, message: &mut Option<Outbound>) -> Offered {
        Peer::offer(&mut self.queue, message)
    }

    fn waiting(&self) -> usize {
        Peer::waiting(&self.queue)
    }

    fn shed(&mut self, which: Shed) -> VecDeque<Outbound> {
        Peer::shed(&mut self.queue, which)
    }

    fn disconnect(&mut self) {
        Peer::disconnect(&mut self.queue);
    }

    fn reclaim(&mut self) -> VecDeque<Outbound> {
        Peer::reclaim(&mut self.queue)
    }
}

const PEERS: u8 = 100;
const LIMITS: Limits = Limits {
    items: 2,
    bytes: 1_000,
};

fn name(number: u8) -> Identity {
    Identity::new([number + 1]).unwrap()
}

/// A publisher of which each peer has subscribed to its own number.
struct Publisher {
    topics: Topics,
    distribute: Distribute<Asked, ByTopic>,
    queues: Vec<Queue<Outbound>>,
    count: Arc<AtomicUsize>,
}

impl Publisher {
    fn new() -> Self {
        let topics = Topics::new();
        let count = Arc::<AtomicUsize>::default();
        let queues: Vec<_> = (0..PEERS).map(|_| Queue::new(LIMITS)).collect();
        let table = Peers::new(aiomsg_core::Discard::new(|_| {}));
        for (number, queue) in queues.iter().enumerate() {
            let identity = name(number as u8);
            assert_eq!(topics.shared().open(identity.clone()), number);
            topics.shared().subscribe(number, &[number as u8]).unwrap();
            let queue = queue.clone();
            let count = Arc::clone(&count);
            table.insert(identity, Asked { queue, count });
        }
        let mut publisher = Self {
            distribute: Distribute::new(&table, topics.policy()),
            queues,
            count,
            topics,
        };
        assert!(publisher.is_ready(), "each is asked once when it is new");
        assert_eq!(publisher.asked(), usize::from(PEERS));
        publisher
    }

    fn asked(&self) -> usize {
        self.count.swap(0, Ordering::Relaxed)
    }

    fn is_ready(&mut self) -> bool {
        self.distribute.poll_ready(&mut cx()).is_ready()
    }

    /// Sends, and returns how often a peer was asked for room.
    fn send(&mut self, first: u8) -> usize {
        assert!(self.is_ready());
        let sent = self.distribute.call(Outbound::new(vec![first]));
        sent.now_or_never().unwrap().unwrap();
        self.asked()
    }
}

#[test]
fn a_message_that_nobody_wants_asks_no_peer() {
    let mut publisher = Publisher::new();
    for _ in 0..10 {
        assert_eq!(publisher.send(PEERS), 0);
    }
}

#[test]
fn a_message_that_one_wants_asks_that_one_at_most() {
    let mut publisher = Publisher::new();
    let asked = publisher.send(7) + publisher.send(8) + publisher.send(9);
    assert!(asked <= 3, "{asked}");
    for (number, queue) in publisher.queues.iter().enumerate() {
        assert_eq!(queue.items(), usize::from((7..=9).contains(&number)));
    }
}

#[test]
fn a_subscription_asks_its_own_peer_at_most() {
    let mut publisher = Publisher::new();
    for _ in 0..3 {
        publisher.topics.shared().unsubscribe(7, &[7]);
        let asked = publisher.send(8 + PEERS);
        assert!(asked <= 1, "{asked}");
        publisher.topics.shared().subscribe(7, &[7]).unwrap();
        let asked = publisher.send(8 + PEERS);
        assert!(asked <= 1, "{asked}");
    }
}

/// Positions are noted by the numbers of connections, which are used again.
#[test]
fn the_number_of_another_connection_is_not_taken_for_that_of_the_last() {
    let mut publisher = Publisher::new();
    publisher.send(7);
    let shared = publisher.topics.shared();
    shared.close(7);
    assert_eq!(shared.open(name(8)), 7);
    shared.subscribe(7, &[7]).unwrap();
    publisher.send(7);
    assert_eq!(publisher.queues[7].items(), 1);
    assert_eq!(publisher.queues[8].items(), 1);
}

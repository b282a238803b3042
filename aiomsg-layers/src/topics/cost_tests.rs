//! Which peers are asked for room: a message costs by those who want it.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use aiomsg_core::{Identity, Limits, Outbound};

use super::{ByTopic, Topics};
use crate::queue::{Closed, Peer, Queue, Shed};
use crate::route::{PeerSet, Policy};

/// Counts how often peers are asked whether they have room.
struct Asked {
    queue: Queue<Outbound>,
    count: Rc<Cell<usize>>,
}

impl Peer for Asked {
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.count.set(self.count.get() + 1);
        self.queue.poll_room(cx)
    }

    fn room(&self) -> Limits {
        self.queue.room()
    }

    fn push(&mut self, message: Outbound) -> Result<(), Closed<Outbound>> {
        Peer::push(&mut self.queue, message)
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
    policy: ByTopic,
    peers: PeerSet<Asked>,
    queues: Vec<Queue<Outbound>>,
    count: Rc<Cell<usize>>,
}

impl Publisher {
    fn new() -> Self {
        let topics = Topics::new();
        let count = Rc::new(Cell::new(0));
        let queues: Vec<_> = (0..PEERS).map(|_| Queue::new(LIMITS)).collect();
        let peers = queues.iter().enumerate().map(|(number, queue)| {
            let identity = name(number as u8);
            assert_eq!(topics.shared().open(identity.clone()), number);
            topics.shared().subscribe(number, &[number as u8]).unwrap();
            let queue = queue.clone();
            let count = Rc::clone(&count);
            (identity, Asked { queue, count })
        });
        let peers = peers.collect();
        let mut publisher = Self {
            policy: topics.policy(),
            peers,
            queues,
            count,
            topics,
        };
        for number in 0..PEERS {
            let peer = publisher.peers.at(usize::from(number)).unwrap();
            publisher.policy.peer_came(&name(number), peer);
        }
        assert!(publisher.is_ready(), "each is asked once when it is new");
        publisher.count.take();
        publisher
    }

    fn is_ready(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.policy.poll_ready(&mut self.peers, &mut cx).is_ready()
    }

    /// Sends, and says how often a peer was asked for room.
    fn send(&mut self, first: u8) -> usize {
        assert!(self.is_ready());
        // One that nobody wants comes back.
        let _ = self
            .policy
            .place(&mut self.peers, Outbound::new(vec![first]));
        self.count.take()
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

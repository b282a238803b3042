//! Who gets a message.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use aiomsg::layer::Discard;
use aiomsg::layer::Distribute;
use aiomsg::layer::Queue;
use aiomsg::layer::{Policy, Publish, RoundRobin};
use aiomsg::parts::layers::peers::Peers as Table;
use aiomsg::{Identity, Limits, Outbound};
use bytes::Bytes;
use divan::Bencher;
use divan::counter::ItemsCount;
use tower::Service;

/// How many messages are routed before the queues are emptied.
const BATCH: usize = 1024;

type Peers = Vec<Queue<Outbound>>;

fn distribute<P: Policy<Queue<Outbound>>>(
    policy: P,
    count: usize,
) -> (Distribute<Queue<Outbound>, P>, Peers) {
    let table = Table::new(Discard::new(|gone| panic!("{gone:?}")));
    let limits = Limits {
        items: 8192,
        bytes: 1 << 20,
    };
    let peers: Peers = (0..count).map(|_| Queue::new(limits)).collect();
    for peer in &peers {
        table.insert(Identity::random(), peer.clone());
    }
    (Distribute::new(&table, policy), peers)
}

fn route<P: Policy<Queue<Outbound>>>(bencher: Bencher<'_, '_>, policy: P, count: usize) {
    let (mut service, peers) = distribute(policy, count);
    let payload = Bytes::from_static(&[0; 64]);
    let mut cx = Context::from_waker(Waker::noop());
    let mut taken = VecDeque::new();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            assert!(service.poll_ready(&mut cx).is_ready(), "there is room");
            drop(service.call(Outbound::new(payload.clone())));
        }
        for peer in &peers {
            if peer.poll_take(&mut cx, &mut taken).is_ready() {
                peer.release(taken.len(), taken.len() * payload.len());
                taken.clear();
            }
        }
    });
}

#[divan::bench(args = [1, 16, 1024])]
fn round_robin(bencher: Bencher<'_, '_>, peers: usize) {
    route(bencher, RoundRobin::new(), peers);
}

#[divan::bench(args = [16])]
fn publish(bencher: Bencher<'_, '_>, peers: usize) {
    route(bencher, Publish::new(), peers);
}

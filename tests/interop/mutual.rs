//! Two sockets that bind, and connect to each other.
//!
//! The Python libraries keep the connection that they have let in first, and leave
//! the other one open without a word. Ours kept the one that was dialled by the
//! smaller identity: it gave up what they had, and sent into what they had not.
//!
//! `AIOMSG_MUTUAL_RUNS=20` has each of these run so many times.

use super::*;
use crate::support::python::{Guarantee, free_port};
use aiomsg::DeliveryGuarantee;
use aiomsg::builder::Dialects;

const COUNT: usize = 6000;

fn runs() -> usize {
    let wanted = std::env::var("AIOMSG_MUTUAL_RUNS");
    wanted.map_or(1, |runs| runs.parse().unwrap())
}

const OURS: [u8; 16] = [0x55; 16];

/// Smaller than ours, and greater.
const THEIRS: [[u8; 16]; 2] = [[0x11; 16], [0x99; 16]];

const GUARANTEES: [(DeliveryGuarantee, Guarantee); 2] = [
    (DeliveryGuarantee::AtMostOnce, Guarantee::AtMostOnce),
    (DeliveryGuarantee::AtLeastOnce, Guarantee::AtLeastOnce),
];

async fn all_arrives(version: Version) {
    for _ in 0..runs() {
        for identity in THEIRS {
            for guarantees in GUARANTEES {
                for we_are_first in [true, false] {
                    for dialects in [Dialects::default(), Dialects::Only(dialect(version))] {
                        once(version, dialects, identity, guarantees, we_are_first).await;
                    }
                }
            }
        }
    }
}

async fn once(
    version: Version,
    dialects: Dialects,
    theirs: [u8; 16],
    (ours, guarantee): (DeliveryGuarantee, Guarantee),
    we_are_first: bool,
) {
    let which = format!(
        "{version:?}, {dialects:?}, {:x}, {ours:?}, {we_are_first}",
        theirs[0]
    );
    let socket = Socket::builder()
        .identity(OURS)
        .delivery_guarantee(ours)
        .dialects(dialects)
        .build()
        .unwrap();
    let (at, port) = (format!("127.0.0.1:{}", free_port()), free_port());
    let peer = Peer::builder(version)
        .identity(theirs)
        .guarantee(guarantee)
        .bind(format!("127.0.0.1:{port}"))
        .connect(&at);
    // Whoever is first tries until the other one is there.
    let begin = async || {
        socket.bind(&at[..]).await.unwrap();
        socket.connect(Endpoint::tcp("127.0.0.1", port)).unwrap();
    };
    let peer = match we_are_first {
        true => {
            begin().await;
            peer.start().await
        }
        false => {
            let peer = peer.start().await;
            begin().await;
            peer
        }
    };
    peer.count().await;
    peer.send_many(COUNT, "theirs ").await;
    let send = async {
        for n in 0..COUNT {
            socket.send(format!("ours {n}")).await.unwrap();
            if n % 60 == 0 {
                sleep(Duration::from_millis(5)).await;
            }
        }
    };
    let receive = async {
        let mut got = std::collections::HashSet::new();
        while got.len() < COUNT {
            let message = timeout(PATIENCE, socket.recv()).await;
            let message = message.unwrap_or_else(|_| panic!("{which}: {} arrived", got.len()));
            got.insert(message.unwrap());
        }
    };
    tokio::join!(send, receive);
    until_async(&which, async || peer.counted().await >= COUNT).await;
    assert_eq!(peer.counted().await, COUNT, "{which}");
    assert_eq!(socket.peers().len(), 1, "{which}");
}

async fn until_async(what: &str, is_so: impl AsyncFn() -> bool) {
    within(what, async {
        while !is_so().await {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

each_version!(all_arrives);

//! A message at which connections end costs itself and nothing else.

use super::*;
use aiomsg::builder::{Dialect, Dialects};
use aiomsg::message::DropReason;
use aiomsg::{DeliveryGuarantee, SendMode};

const MIB: usize = 1 << 20;

const ALL: &[Via] = &[
    Via::Tcp,
    #[cfg(feature = "tls")]
    Via::Tls,
    Via::Unix,
    Via::Mem,
];

#[derive(Clone, Copy, Debug)]
enum Via {
    Tcp,
    #[cfg(feature = "tls")]
    Tls,
    Unix,
    Mem,
}

impl Via {
    fn endpoint(self, directory: &tempfile::TempDir, name: &str) -> Endpoint {
        match self {
            Self::Tcp => "tcp://127.0.0.1:0".parse().unwrap(),
            #[cfg(feature = "tls")]
            Self::Tls => "tls://localhost:0".parse().unwrap(),
            Self::Unix => format!("unix://{}/socket", directory.path().display())
                .parse()
                .unwrap(),
            Self::Mem => format!("mem://{name}").parse().unwrap(),
        }
    }
}

/// A sender, and receivers that take up to 1 MiB.
struct Pair {
    sender: Socket,
    receivers: Vec<Socket>,
    _directory: tempfile::TempDir,
}

impl Pair {
    async fn new(builder: aiomsg::SocketBuilder, via: Via, receivers: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let takes = || Socket::builder().max_message_size(MIB);
        #[cfg(feature = "tls")]
        let (_certificate, tls) = tls::certificate();
        #[cfg(feature = "tls")]
        let (builder, takes) = (builder.tls(tls.clone()), || takes().tls(tls.clone()));
        let sender = builder.build().unwrap();
        let name = format!("poison-{}", sender.identity());
        let endpoint = sender.bind(via.endpoint(&directory, &name)).await.unwrap();
        let receivers: Vec<_> = (0..receivers)
            .map(|_| {
                let receiver = takes().build().unwrap();
                receiver.connect(endpoint.clone()).unwrap();
                receiver
            })
            .collect();
        within("the peers", sender.wait_for_peers(receivers.len()))
            .await
            .unwrap();
        Self {
            sender,
            receivers,
            _directory: directory,
        }
    }

    /// What all receivers get, until there are so many.
    async fn received(&self, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        within("the others", async {
            while all.len() < count {
                for receiver in &self.receivers {
                    let message =
                        tokio::time::timeout(Duration::from_millis(5), receiver.recv_text());
                    all.extend(message.await.into_iter().map(Result::unwrap));
                }
            }
        })
        .await;
        all
    }
}

async fn poison(events: &mut Events) -> usize {
    event(events, "the poison", |event| match event {
        Event::Dropped {
            message,
            reason: DropReason::Poison,
        } => Some(message.payload().len()),
        _ => None,
    })
    .await
}

fn dialect(dialect: Dialect) -> aiomsg::SocketBuilder {
    Socket::builder().dialects(Dialects::Only(dialect))
}

/// The connection ended within the same message for ever, none of the others
/// arrived, and nobody was told.
#[tokio::test]
async fn a_message_that_ends_connections_is_given_up_and_the_others_pass() {
    for &via in ALL {
        for speaks in [Dialect::V1, Dialect::V2019] {
            for receivers in [1, 3] {
                let pair = Pair::new(dialect(speaks), via, receivers).await;
                let mut events = pair.sender.events();
                pair.sender.send(vec![7; 16 * MIB]).await.unwrap();
                for n in 0..30 {
                    pair.sender.send(n.to_string()).await.unwrap();
                }
                let mut got = pair.received(30).await;
                got.sort_by_key(|it| it.parse::<u32>().unwrap());
                let all: Vec<_> = (0..30).map(|n| n.to_string()).collect();
                assert_eq!(got, all, "{via:?} {speaks:?} {receivers}");
                assert_eq!(poison(&mut events).await, 16 * MIB);
                let sent = pair.sender.stats().sent_messages;
                assert!(sent <= 33, "{sent} messages for 31");
            }
        }
    }
}

#[tokio::test]
async fn what_is_addressed_behind_it_arrives_in_order() {
    for &via in ALL {
        let pair = Pair::new(Socket::builder(), via, 3).await;
        let mut events = pair.sender.events();
        let [bad, others @ ..] = &pair.receivers[..] else {
            panic!("there are three");
        };
        let to = |peer: &Socket| peer.identity().clone();
        pair.sender
            .send_to(to(bad), vec![7; 16 * MIB])
            .await
            .unwrap();
        for n in 0..30 {
            for peer in &pair.receivers {
                pair.sender.send_to(to(peer), n.to_string()).await.unwrap();
            }
        }
        for peer in others.iter().chain([bad]) {
            for n in 0..30 {
                let message = within("the others", peer.recv_text()).await.unwrap();
                assert_eq!(message, n.to_string());
            }
        }
        assert_eq!(poison(&mut events).await, 16 * MIB);
    }
}

#[tokio::test]
async fn what_is_published_behind_it_arrives_at_every_subscriber() {
    for &via in ALL {
        for receivers in [1, 3] {
            let publisher = Socket::builder().send_mode(SendMode::Publish);
            let pair = Pair::new(publisher, via, receivers).await;
            let mut events = pair.sender.events();
            pair.sender.send(vec![7; 16 * MIB]).await.unwrap();
            for n in 0..30 {
                pair.sender.send(n.to_string()).await.unwrap();
            }
            for peer in &pair.receivers {
                for n in 0..30 {
                    let message = within("the others", peer.recv_text()).await.unwrap();
                    assert_eq!(message, n.to_string(), "{via:?} {receivers}");
                }
            }
            for _ in 0..receivers {
                assert_eq!(poison(&mut events).await, 16 * MIB);
            }
        }
    }
}

/// By each transport, to one receiver and to three, in turn and by identity.
#[tokio::test]
async fn at_least_once_it_is_given_up_alone() {
    for &via in ALL {
        for speaks in [Dialect::V1, Dialect::V2019] {
            for (receivers, addressed) in [(1, false), (3, false), (3, true)] {
                let sender = dialect(speaks)
                    .delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
                    .ack_timeout(Duration::from_millis(300))
                    .max_resends(2);
                let pair = Pair::new(sender, via, receivers).await;
                let mut events = pair.sender.events();
                let to = |n: usize| pair.receivers[n % receivers].identity().clone();
                for n in 0..31 {
                    let payload = match n {
                        5 => vec![b'x'; 2 * MIB],
                        n => n.to_string().into_bytes(),
                    };
                    match addressed {
                        true => pair.sender.send_to(to(n), payload).await.unwrap(),
                        false => pair.sender.send(payload).await.unwrap(),
                    }
                }
                let lost = event(&mut events, "the poison", |event| match event {
                    Event::Dropped { message, reason } => Some((message.payload().len(), reason)),
                    _ => None,
                })
                .await;
                let what = format!("{via:?} {speaks:?} {receivers} {addressed}");
                assert_eq!(lost, (2 * MIB, DropReason::RetriesExhausted), "{what}");
                within("the others", async {
                    while pair.sender.stats().unacknowledged_messages > 0 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                })
                .await;
                let mut got = std::collections::BTreeSet::new();
                while got.len() < 30 {
                    for message in pair.received(1).await {
                        got.insert(message.parse::<usize>().unwrap());
                    }
                }
                assert!(got.into_iter().eq((0..31).filter(|&n| n != 5)), "{what}");
            }
        }
    }
}

/// The first five arrived four times, the last five never, and all eleven were
/// reported.
#[tokio::test]
async fn the_neighbours_of_a_message_that_is_too_large_are_acknowledged() {
    for speaks in [Dialect::V1, Dialect::V2019] {
        for addressed in [false, true] {
            let receiver = Socket::builder().max_message_size(1024).build().unwrap();
            let endpoint = receiver.bind("127.0.0.1:0").await.unwrap();
            let sender = dialect(speaks)
                .delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
                .ack_timeout(Duration::from_millis(500))
                .max_resends(3)
                .build()
                .unwrap();
            let mut events = sender.events();
            sender.connect(endpoint).unwrap();
            within("the peer", sender.wait_for_peers(1)).await.unwrap();
            let peer = receiver.identity().clone();
            for n in 0..11 {
                let text = match n {
                    5 => "x".repeat(5000),
                    n => n.to_string(),
                };
                match addressed {
                    true => sender.send_to(peer.clone(), text).await.unwrap(),
                    false => sender.send(text).await.unwrap(),
                }
            }
            let (lost, reason) = event(&mut events, "the poison", |event| match event {
                Event::Dropped { message, reason } => Some((message, reason)),
                _ => None,
            })
            .await;
            assert_eq!(
                (lost.payload().len(), reason),
                (5000, DropReason::RetriesExhausted)
            );
            let mut got = Vec::new();
            while let Ok(message) =
                tokio::time::timeout(Duration::from_millis(200), receiver.recv_text()).await
            {
                got.push(message.unwrap());
            }
            let once = got.len();
            got.sort_by_key(|it| it.parse::<u32>().unwrap());
            got.dedup();
            assert_eq!(got, ["0", "1", "2", "3", "4", "6", "7", "8", "9", "10"]);
            assert!(once <= 15, "the last five twice at most: {once}");
            assert_eq!(sender.stats().unacknowledged_messages, 0);
        }
    }
}

/// What follows a message that is too large in the same moment is received.
#[tokio::test]
async fn what_has_come_behind_a_message_that_is_too_large_is_received() {
    let receiver = Socket::builder().max_message_size(1024).build().unwrap();
    let endpoint = receiver.bind("127.0.0.1:0").await.unwrap();
    let mut events = receiver.events();
    let mut raw = Raw::connect(&endpoint).await;
    let mut bytes = hello_v1(&[1; 16]);
    let data = |len: usize| {
        let mut frame = ((len + 1) as u32).to_be_bytes().to_vec();
        frame.push(3);
        frame.resize(len + 5, b'x');
        frame
    };
    for len in [1024, 1025, 5000, 1] {
        bytes.extend(data(len));
    }
    raw.write(bytes).await;
    for len in [1024, 1] {
        let message = within("a message", receiver.recv()).await.unwrap();
        assert_eq!(message.len(), len);
    }
    let reason = event(&mut events, "the end", |event| match event {
        Event::PeerDown { reason, .. } => Some(reason),
        _ => None,
    })
    .await;
    assert!(reason.is_too_large(), "{reason}");
}

/// What waits for a subscriber to return is a copy, and others have got the message:
/// it was in the report of what was not sent.
#[tokio::test]
async fn copies_that_wait_for_a_subscriber_are_told_of_and_not_in_the_report() {
    let publisher = Socket::builder()
        .send_mode(SendMode::Publish)
        .absent_limits(aiomsg::Limits {
            items: 3,
            bytes: 64 * MIB,
        })
        .build()
        .unwrap();
    let mut events = publisher.events();
    let endpoint = publisher.bind("127.0.0.1:0").await.unwrap();
    let mut subscriber = Raw::connect(&endpoint).await;
    subscriber.write(hello_v1(&[1; 16])).await;
    within("the subscriber", publisher.wait_for_peers(1))
        .await
        .unwrap();
    publisher.send(vec![7; 16 * MIB]).await.unwrap();
    for n in 1..=4 {
        publisher.send(n.to_string()).await.unwrap();
    }
    subscriber
        .expect(hello_v1(
            publisher.identity().as_bytes().try_into().unwrap(),
        ))
        .await;
    subscriber.0.read_exact(&mut [0; 1000]).await.unwrap();
    drop(subscriber);
    let mut dropped = async || {
        event(&mut events, "a copy", |event| match event {
            Event::Dropped {
                message,
                reason: DropReason::PeerGone,
            } => Some(message.payload().len()),
            _ => None,
        })
        .await
    };
    // There is room for three: the large one and the next two. The last ones go first.
    assert_eq!([dropped().await, dropped().await], [1, 1]);
    let report = publisher.close(Duration::ZERO).await;
    assert!(report.unsent.is_empty(), "{:?}", report.unsent.len());
    let mut rest = [dropped().await, dropped().await, dropped().await];
    rest.sort_unstable();
    assert_eq!(rest, [1, 1, 16 * MIB]);
}

//! Who waits for one peer's room waits alone.

use super::*;
use aiomsg::message::DropReason;
use aiomsg::{Identity, Limits, SendMode, SocketBuilder};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const SMALL: Limits = Limits {
    items: 8,
    bytes: 1 << 20,
};

const ABSENT: [u8; 16] = [1; 16];

/// Sends that many to one peer, each by a task of its own.
fn crowd(socket: &Socket, peer: &Identity, count: usize) -> Vec<JoinHandle<()>> {
    let send = |_| {
        let (socket, peer) = (socket.clone(), peer.clone());
        tokio::spawn(async move { socket.send_to(peer, vec![7; 30_000]).await.unwrap() })
    };
    (0..count).map(send).collect()
}

/// Nothing of this waits.
async fn at_once<T>(what: &str, future: impl Future<Output = T>) -> T {
    let begin = Instant::now();
    let it = within(what, future).await;
    assert_eq!(begin.elapsed(), Duration::ZERO, "{what}");
    it
}

fn small() -> SocketBuilder {
    Socket::builder()
        .absent_limits(SMALL)
        .peer_limits(SMALL)
        .unacknowledged_limits(SMALL)
}

/// A peer that is connected and receives all.
async fn receiver(socket: &Socket, name: &str) -> Socket {
    let endpoint = socket.bind(format!("mem://{name}")).await.unwrap();
    let peer = Socket::new().unwrap();
    peer.connect(endpoint).unwrap();
    socket.wait_for_peers(1).await.unwrap();
    peer
}

/// A peer that takes nothing: its inbox is full.
async fn stuck(socket: &Socket, name: &str) -> Socket {
    let endpoint = socket.bind(format!("mem://{name}")).await.unwrap();
    let one = Limits { items: 1, bytes: 1 };
    let peer = Socket::builder().receive_limits(one).build().unwrap();
    let peers = socket.peers().len();
    peer.connect(endpoint).unwrap();
    socket.wait_for_peers(peers + 1).await.unwrap();
    peer
}

/// What waited for one absent peer used up what there is for all absent ones, and so a
/// message for another one had to wait for up to a minute.
#[tokio::test(start_paused = true)]
async fn those_who_send_to_an_absent_peer_hold_up_nobody() {
    let socket = small().build().unwrap();
    let peer = receiver(&socket, "absent").await;
    let waiting = crowd(&socket, &ABSENT.into(), 100);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(waiting.iter().filter(|it| it.is_finished()).count(), 6);
    for n in 0..20 {
        at_once("for anyone", socket.send("x")).await.unwrap();
        let there = socket.send_to(peer.identity().clone(), "x");
        at_once("for one that is there", there).await.unwrap();
        at_once("received", peer.recv()).await.unwrap();
        at_once("received", peer.recv()).await.unwrap();
        if n == 0 {
            let absent = socket.send_to(Identity::from([2; 16]), "x");
            at_once("for another absent one", absent).await.unwrap();
        }
    }
}

/// Under at-least-once, what waited for an absent peer used up what may wait for
/// acknowledgements, and every other send waited until it was given up.
#[tokio::test(start_paused = true)]
async fn those_who_send_at_least_once_to_an_absent_peer_hold_up_nobody() {
    let socket = small().at_least_once().build().unwrap();
    let peer = receiver(&socket, "absent at least once").await;
    let _waiting = crowd(&socket, &ABSENT.into(), 100);
    sleep(Duration::from_secs(1)).await;
    for _ in 0..20 {
        at_once("for anyone", socket.send_acked("x")).await.unwrap();
        let there = aiomsg::Outbound::new("x").to(peer.identity().clone());
        let there = socket.send_message(there.until_acked());
        at_once("for one that is there", there).await.unwrap();
        at_once("received", peer.recv()).await.unwrap();
        at_once("received", peer.recv()).await.unwrap();
    }
}

/// What is published waits for the slowest subscriber, as the publisher wants it. What
/// is addressed to others had to wait with it.
#[tokio::test(start_paused = true)]
async fn those_who_send_to_a_peer_that_takes_nothing_hold_up_nobody() {
    for publish in [false, true] {
        let mode = match publish {
            false => SendMode::RoundRobin,
            true => SendMode::Publish,
        };
        let socket = small().send_mode(mode).build().unwrap();
        let peer = receiver(&socket, &format!("well {publish}")).await;
        let stuck = stuck(&socket, &format!("stuck {publish}")).await;
        let waiting = crowd(&socket, stuck.identity(), 100);
        sleep(Duration::from_secs(1)).await;
        assert!(waiting.iter().any(|it| !it.is_finished()));
        let publishing = publish.then(|| {
            let socket = socket.clone();
            tokio::spawn(async move { socket.send("for all").await })
        });
        sleep(Duration::from_secs(1)).await;
        for _ in 0..20 {
            let there = socket.send_to(peer.identity().clone(), "x");
            at_once("for one that is there", there).await.unwrap();
            at_once("received", peer.recv()).await.unwrap();
        }
        let absent = socket.send_to(Identity::from(ABSENT), "x");
        at_once("for an absent one", absent).await.unwrap();
        match publishing {
            Some(publishing) => assert!(!publishing.is_finished()),
            None => {
                at_once("for anyone", socket.send("x")).await.unwrap();
                at_once("received", peer.recv()).await.unwrap();
            }
        }
    }
}

/// As a sink, too.
#[tokio::test(start_paused = true)]
async fn a_sink_that_sends_to_an_absent_peer_holds_up_no_other() {
    use futures::SinkExt;

    let socket = small().build().unwrap();
    let peer = receiver(&socket, "sink").await;
    let mut sink = socket.clone();
    let waiting = tokio::spawn(async move {
        loop {
            let message = aiomsg::Outbound::new("x").to(Identity::from(ABSENT));
            SinkExt::send(&mut sink, message).await.unwrap();
        }
    });
    sleep(Duration::from_secs(1)).await;
    let mut sink = socket.clone();
    let message = aiomsg::Outbound::new("x").to(peer.identity().clone());
    at_once("for one that is there", SinkExt::send(&mut sink, message))
        .await
        .unwrap();
    at_once("received", peer.recv()).await.unwrap();
    waiting.abort();
}

/// It waited for ever, or until another message was sent.
#[tokio::test(start_paused = true)]
async fn what_waits_for_room_at_a_peer_that_goes_is_given_up_in_time() {
    let socket = small().build().unwrap();
    let mut events = socket.events();
    let stuck = stuck(&socket, "goes").await;
    let waiting = crowd(&socket, stuck.identity(), 40);
    sleep(Duration::from_secs(1)).await;
    let left = waiting.iter().filter(|it| !it.is_finished()).count();
    assert!(left > 12, "{left}");
    let begin = Instant::now();
    drop(stuck);
    let mut given_up = 0;
    while given_up < left {
        let next = tokio::time::timeout(Duration::from_secs(70), events.next()).await;
        if let Event::Dropped { reason, .. } = next.unwrap().unwrap() {
            assert_eq!(reason, DropReason::PeerAbsent);
            assert!(begin.elapsed() >= Duration::from_secs(60));
            given_up += 1;
        }
    }
    for task in waiting {
        let sent = tokio::time::timeout(Duration::from_secs(600), task).await;
        sent.unwrap().unwrap();
    }
}

/// A peer that asked, and took no answers, held up the answers of everybody. It gets
/// all of its own when it takes them.
#[tokio::test(start_paused = true)]
async fn one_who_takes_no_answers_holds_up_nobody_elses() {
    use std::future::IntoFuture;

    const ASKED: usize = 300;
    let server = small().build().unwrap();
    let well = receiver(&server, "asks").await;
    let slow = stuck(&server, "asks and takes nothing").await;
    let answer = |message: aiomsg::Delivery| async move {
        Ok::<_, aiomsg::Error>([message.payload(), &[0; 30_000][..]].concat())
    };
    let serving = server.serve(tower::service_fn(answer)).concurrency(4);
    let serving = tokio::spawn(serving.into_future());
    let asking = {
        let slow = slow.clone();
        tokio::spawn(async move {
            for n in 0..ASKED {
                slow.send(n.to_string()).await.unwrap();
            }
        })
    };
    sleep(Duration::from_secs(1)).await;
    for n in 0..20 {
        at_once("asked", well.send(format!("well {n}")))
            .await
            .unwrap();
        let answer = at_once("the answer", well.recv()).await.unwrap();
        assert!(answer.starts_with(format!("well {n}").as_bytes()));
    }
    let mut answered = Vec::new();
    for _ in 0..ASKED {
        let answer = within("an answer of the slow one", slow.recv())
            .await
            .unwrap();
        let name = answer.split(|&byte| byte == 0).next().unwrap();
        let name: usize = String::from_utf8_lossy(name).parse().unwrap();
        answered.push(name);
    }
    answered.sort_unstable();
    assert!(answered.into_iter().eq(0..ASKED));
    asking.await.unwrap();
    serving.abort();
}

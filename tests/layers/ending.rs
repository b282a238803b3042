//! How a session ends, and what it says of the messages that it has sent.

use std::future::{Future, ready};
use std::task::{Context, Waker};

use aiomsg::builder::Dialect;
use aiomsg::{Identity, Limits, Outbound};
use aiomsg_layers::HeartbeatLayer;
use aiomsg_layers::heartbeat::{Heartbeat, Patience};
use aiomsg_layers::queue::Queue;
use aiomsg_layers::session::{Inbox, Session, SessionHandle};
use aiomsg_transport::codec::FrameCodec;
use aiomsg_transport::framed::Framed;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Duration, Instant, sleep, timeout};
use tower::Layer;

const MESSAGES: u64 = 3;

/// A heartbeat of the 2019 dialect.
const HEARTBEAT: &[u8] = b"\0\0\0\x10aiomsg-heartbeat";

type Ending = Session<Heartbeat<Framed<DuplexStream>>, Inbox>;

/// A session with messages to send, its handle, and the peer's end of the connection.
fn session(patience: &Patience) -> (Ending, SessionHandle, DuplexStream) {
    let (ours, theirs) = duplex(1 << 16);
    let framed = Framed::new(ours, FrameCodec::new(Dialect::V2019));
    let (link, handle) = (framed.link(), SessionHandle::new());
    let limits = Limits {
        items: 100,
        bytes: 1 << 20,
    };
    let (queue, inbox) = (Queue::new(limits), Queue::new(limits));
    for n in 0..MESSAGES {
        queue.push(Outbound::new(n.to_string())).unwrap();
    }
    let heartbeat = HeartbeatLayer::new()
        .link(link.clone())
        .patience(patience.clone());
    let session = Session::new(
        Identity::random(),
        heartbeat.layer(framed),
        queue,
        Inbox::new(inbox),
    );
    let session = session
        .link(link)
        .handle(handle.clone())
        .patience(patience.clone());
    (session, handle, theirs)
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_ends_has_read_everything() {
    let (mut session, handle, mut peer) = session(&Patience::new());
    let start = Instant::now();
    let peer = async {
        // It is behind, and lives.
        for _ in 0..6 {
            sleep(Duration::from_secs(5)).await;
            peer.write_all(HEARTBEAT).await.unwrap();
        }
        let mut read = Vec::new();
        peer.read_to_end(&mut read).await.unwrap();
        drop(peer);
        read.len()
    };
    let (reason, read) = tokio::join!(session.run(ready(())), peer);
    assert_eq!(start.elapsed(), Duration::from_secs(30), "{reason}");
    assert!(read >= 3 * 5);
    drop(session);
    assert_eq!(handle.unconfirmed(), 0);
}

/// The Python library of 2019 does not end a connection that it has accepted.
#[tokio::test(start_paused = true)]
async fn a_peer_that_never_ends_has_read_everything_when_its_heartbeats_stop() {
    // It is stopped for so long, before it goes on.
    for stopped in [1, 5, 30] {
        let patience = Patience::new();
        patience.wait();
        let (session, handle, mut peer) = session(&patience);
        let mut session = session.peer_never_ends(true);
        let start = Instant::now();
        let peer = async {
            sleep(Duration::from_secs(stopped)).await;
            peer.write_all(HEARTBEAT).await.unwrap();
            // It is slow, too.
            sleep(Duration::from_secs(5)).await;
            peer.write_all(HEARTBEAT).await.unwrap();
            let mut read = Vec::new();
            peer.read_to_end(&mut read).await.unwrap();
            assert!(read.len() >= 3 * 5);
            peer
        };
        let (_, _peer) = tokio::join!(session.run(ready(())), peer);
        let silence = start.elapsed() - Duration::from_secs(stopped + 5);
        assert_eq!(silence.as_secs(), 6, "{stopped}");
        drop(session);
        assert_eq!(handle.unconfirmed(), 0, "{stopped}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_end_is_left_in_the_end() {
    // Dead by its silence; and one that lives, and never reads.
    for (lives, seconds) in [(false, 15), (true, 60)] {
        let (mut session, handle, peer) = session(&Patience::new());
        let (mut reads, mut writes) = tokio::io::split(peer);
        let start = Instant::now();
        let peer = async {
            while lives && writes.write_all(HEARTBEAT).await.is_ok() {
                sleep(Duration::from_secs(5)).await;
            }
            std::future::pending::<()>().await;
        };
        let error = tokio::select! {
            error = session.run(ready(())) => error,
            () = peer => unreachable!(),
        };
        assert!(error.is_timeout(), "{error}");
        assert_eq!(start.elapsed().as_secs(), seconds);
        drop(session);
        assert_eq!(handle.unconfirmed(), MESSAGES);
        reads.read_to_end(&mut Vec::new()).await.unwrap();
    }
}

/// A message was on its way when the session ended, and takes a while to come.
#[tokio::test(start_paused = true)]
async fn what_a_peer_had_sent_before_it_heard_of_the_end_is_received() {
    // The wait of a peer that ends its direction, and of one that never does.
    for (never, late, expected) in [
        (false, 1_500, true),
        (true, 100, true),
        (true, 1_500, false),
    ] {
        let (ours, mut peer) = duplex(1 << 16);
        let limits = Limits {
            items: 100,
            bytes: 1 << 20,
        };
        let (queue, inbox) = (Queue::new(limits), Queue::new(limits));
        let framed = Framed::new(ours, FrameCodec::new(Dialect::V1));
        let link = framed.link();
        let intake = Inbox::new(inbox.clone());
        let session = Session::new(Identity::random(), framed, queue, intake);
        let mut session = session.link(link).peer_never_ends(never);
        let start = Instant::now();
        let peer = async {
            peer.read_to_end(&mut Vec::new()).await.unwrap();
            sleep(Duration::from_millis(late)).await;
            // The session may have gone.
            let _ = peer.write_all(b"\0\0\0\x02\x03a").await;
            let _ = peer.shutdown().await;
            start.elapsed()
        };
        let (_, took) = tokio::join!(session.run(ready(())), peer);
        drop(session);
        let mut cx = Context::from_waker(Waker::noop());
        let received = inbox.poll_pop(&mut cx).is_ready();
        assert_eq!(received, expected, "{never} {late}");
        assert!(never || start.elapsed() == took, "it waits no longer");
    }
}

/// A peer that does not end its direction holds up nobody for ever.
#[tokio::test(start_paused = true)]
async fn an_end_that_does_not_come_is_not_waited_for_long() {
    for (never, millis) in [(true, 200), (false, 2_000)] {
        let (ours, peer) = duplex(1 << 16);
        let limits = Limits { items: 1, bytes: 1 };
        let (queue, inbox) = (Queue::new(limits), Queue::new(limits));
        let framed = Framed::new(ours, FrameCodec::new(Dialect::V1));
        let link = framed.link();
        let session = Session::new(Identity::random(), framed, queue, Inbox::new(inbox));
        let mut session = session.link(link).peer_never_ends(never);
        let start = Instant::now();
        session.run(ready(())).await;
        assert_eq!(start.elapsed().as_millis(), millis, "{never}");
        drop(peer);
    }
}

/// Somebody else has a deadline.
#[tokio::test(start_paused = true)]
async fn with_patience_a_silent_peer_is_waited_for() {
    let patience = Patience::new();
    let (mut session, handle, peer) = session(&patience);
    patience.wait();
    let hour = Duration::from_secs(3600);
    assert!(timeout(hour, session.run(ready(()))).await.is_err());
    drop(session);
    assert_eq!(handle.unconfirmed(), MESSAGES);
    drop(peer);
}

/// Nothing is sent before the peer has shown that it has let the connection in.
#[tokio::test(start_paused = true)]
async fn a_session_that_is_held_sends_nothing_until_the_peer_says_something() {
    for says in [true, false] {
        let (session, _, mut peer) = session(&Patience::new());
        let mut session = session.hold(Some(Duration::from_millis(500)));
        let start = Instant::now();
        let peer = async {
            if says {
                sleep(Duration::from_millis(20)).await;
                peer.write_all(HEARTBEAT).await.unwrap();
            }
            peer.read_exact(&mut [0; 3 * 5]).await.unwrap();
            start.elapsed().as_millis()
        };
        let held = tokio::select! {
            error = session.run(std::future::pending()) => panic!("{error}"),
            held = peer => held,
        };
        let expected = if says { 20..=25 } else { 500..=505 };
        assert!(expected.contains(&held), "{held}");
    }
}

/// The pace of its peer would be held against it.
#[tokio::test]
async fn a_session_says_in_its_link_that_it_does_not_read() {
    let (ours, mut peer) = duplex(1 << 16);
    let framed = Framed::new(ours, FrameCodec::new(Dialect::V1));
    let link = framed.link();
    let limits = Limits { items: 1, bytes: 1 };
    let (queue, inbox) = (Queue::new(limits), Queue::new(limits));
    let intake = Inbox::new(inbox.clone());
    let mut session = Session::new(Identity::random(), framed, queue, intake).link(link.clone());
    let mut running = Box::pin(session.run(std::future::pending()));
    let mut cx = Context::from_waker(Waker::noop());
    for (messages, held_back) in [(0, false), (1, true)] {
        peer.write_all(&b"\0\0\0\x02\x03a".repeat(messages))
            .await
            .unwrap();
        // A few turns: it reads what has come, and goes to sleep.
        for _ in 0..10 {
            assert!(running.as_mut().poll(&mut cx).is_pending());
        }
        assert_eq!(link.is_held_back(), held_back);
    }
    let holds = link.holds();
    assert!(inbox.poll_pop(&mut cx).is_ready());
    assert!(running.as_mut().poll(&mut cx).is_pending());
    assert!(link.holds() > holds, "it has read on");
}

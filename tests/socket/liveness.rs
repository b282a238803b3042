//! Who is taken for dead, and who is not. Over memory, where little is under
//! way and the clock can be paused.

use super::*;
use aiomsg::layer::Io;
use aiomsg::parts::transport::Connector;
use aiomsg::{AckMode, Limits, SocketBuilder};
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt;

const SECOND: Duration = Duration::from_secs(1);
const HEARTBEAT: &[u8] = b"\0\0\0\x01\x02";

/// A socket, and a peer of it that speaks bytes.
pub(crate) async fn joined(name: &str, builder: SocketBuilder) -> (Socket, Io) {
    let socket = builder.build().unwrap();
    let endpoint = socket.bind(format!("mem://{name}")).await.unwrap();
    let mut peer = Connector::new().oneshot(endpoint).await.unwrap();
    peer.write_all(&hello_v1(&[1; 16])).await.unwrap();
    peer.read_exact(&mut [0; 22]).await.unwrap();
    within("the peer", socket.wait_for_peers(1)).await.unwrap();
    (socket, peer)
}

/// The body of the next frame.
async fn frame(peer: &mut Io) -> Vec<u8> {
    within("a frame", async {
        let mut body = vec![0; peer.read_u32().await.unwrap() as usize];
        peer.read_exact(&mut body).await.unwrap();
        body
    })
    .await
}

/// Pitfall 7: the deadline was around a whole frame, so a large message on a
/// slow link never arrived, and was begun again for ever.
#[tokio::test(start_paused = true)]
async fn a_large_message_on_a_slow_link_arrives() {
    let (socket, mut peer) = joined("slow-link", Socket::builder()).await;
    let payload = vec![b'x'; 100_000];
    let frame = [&100_001_u32.to_be_bytes()[..], b"\x03", &payload].concat();
    let start = Instant::now();
    let sending = async {
        for some in frame.chunks(1000) {
            sleep(SECOND).await;
            peer.write_all(some).await.unwrap();
        }
    };
    sending.await;
    assert_eq!(within("it", socket.recv()).await.unwrap(), payload);
    assert!(start.elapsed() > SECOND * 100);
    assert_eq!(socket.stats().connections, 1);
}

/// Pitfall 8: heartbeats stood in line behind a large write. The peer took that
/// for silence; or one more was added every five seconds, and all of them came
/// at the end.
#[tokio::test(start_paused = true)]
async fn no_heartbeat_stands_in_line_behind_a_large_write() {
    let (socket, mut peer) = joined("large-write", Socket::builder()).await;
    socket.send(vec![b'x'; 1_000_000]).await.unwrap();
    // It takes 50 s, in which nothing but this message can be said.
    let mut got = vec![0; 1_000_005];
    for some in got.chunks_mut(20_000) {
        sleep(SECOND).await;
        timeout(SECOND, peer.read_exact(some))
            .await
            .expect("bytes all the time")
            .unwrap();
        peer.write_all(HEARTBEAT).await.unwrap();
    }
    assert!(got[5..].iter().all(|byte| *byte == b'x'));
    // None has piled up: they come as they do in silence.
    assert_eq!(frame(&mut peer).await, b"\x02");
    for _ in 0..3 {
        let last = Instant::now();
        peer.write_all(HEARTBEAT).await.unwrap();
        assert_eq!(frame(&mut peer).await, b"\x02");
        assert_eq!(last.elapsed().as_secs(), 5);
    }
}

/// Pitfall 8, the other way: whoever always has something to say needs to send
/// no heartbeats, and lives.
#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_messages_and_no_heartbeats_lives() {
    let (socket, mut peer) = joined("no-heartbeats", Socket::builder()).await;
    for _ in 0..20 {
        sleep(SECOND * 4).await;
        peer.write_all(b"\0\0\0\x02\x03x").await.unwrap();
        assert_eq!(within("a message", socket.recv()).await.unwrap(), "x");
    }
    assert_eq!(socket.stats().connections, 1);
}

/// Pitfall 9: the deadline ran while it was the application that held reading
/// back, and a living peer was thrown out.
#[tokio::test(start_paused = true)]
async fn an_application_that_does_not_read_loses_no_peer() {
    let server = Socket::builder()
        .receive_limits(Limits {
            items: 4,
            bytes: 1 << 20,
        })
        .build()
        .unwrap();
    let endpoint = server.bind("mem://held-back").await.unwrap();
    // One that sends, and one that was listened to before, and is quiet.
    let (client, quiet) = (Socket::new().unwrap(), Socket::new().unwrap());
    for client in [&client, &quiet] {
        client.connect(endpoint.clone()).unwrap();
    }
    within("both", server.wait_for_peers(2)).await.unwrap();
    for n in 0..100 {
        client.send(n.to_string()).await.unwrap();
    }
    sleep(SECOND * 100).await;
    assert!(server.stats().unreceived_messages < 100, "it is held back");
    for n in 0..100 {
        assert_eq!(
            within("a message", server.recv_text()).await.unwrap(),
            n.to_string()
        );
    }
    assert_eq!(server.stats().connections, 2);
    assert_eq!(
        (client.stats().connections, quiet.stats().connections),
        (1, 1)
    );
}

/// Pitfall 10: a peer that sent heartbeats and never read lived for ever, and
/// all that was sent to it stayed in memory.
#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_holds_little_and_not_for_long() {
    let (socket, peer) = joined("never-reads", Socket::builder()).await;
    let mut events = socket.events();
    let (reading, mut writing) = tokio::io::split(peer);
    tokio::spawn(async move {
        while writing.write_all(HEARTBEAT).await.is_ok() {
            sleep(SECOND).await;
        }
    });
    let start = Instant::now();
    let mut accepted = 0;
    while let Ok(sent) = timeout(SECOND, socket.send(vec![0; 10_000])).await {
        sent.unwrap();
        accepted += 1;
    }
    // 64 KiB under way, 128 KiB and one frame in the write buffer, and 1 MiB
    // and one message in the queue.
    assert!(accepted < 130, "{accepted} messages of 10,000 bytes");
    let reason = loop {
        // What a test has patience for is over before.
        match timeout(SECOND * 200, events.next()).await.unwrap() {
            Some(Event::PeerDown { reason, .. }) => break reason,
            event => assert!(event.is_some(), "the socket is open"),
        }
    };
    assert!(reason.is_timeout(), "{reason}");
    // Eight times the timeout of one that is not heard.
    assert!(start.elapsed() < SECOND * 122, "{:?}", start.elapsed());
    // What never left is not lost.
    drop(reading);
    let report = socket.close(PATIENCE).await;
    assert!(accepted - report.unsent.len() <= 7, "64 KiB had left");
}

/// Pitfall 25: an acknowledgement waited behind all the messages for its peer,
/// which sent its own again meanwhile.
#[tokio::test]
async fn an_acknowledgement_overtakes_the_messages_that_wait() {
    for mode in [AckMode::Received, AckMode::Handled] {
        let builder = Socket::builder().ack_mode(mode).peer_limits(Limits {
            items: 10_000,
            bytes: 32 << 20,
        });
        let (socket, mut peer) = joined(&format!("overtakes-{mode:?}"), builder).await;
        for _ in 0..1000 {
            socket.send(vec![0; 10_000]).await.unwrap();
        }
        peer.write_all(b"\0\0\0\x12\x040123456789abcdefx")
            .await
            .unwrap();
        assert_eq!(within("a message", socket.recv()).await.unwrap(), "x");
        let mut before = 0;
        while frame(&mut peer).await[0] == 3 {
            before += 1;
        }
        // What had been given to the connection: 64 KiB and 128 KiB.
        assert!(before < 30, "{mode:?}: behind {before} of 1000 messages");
    }
}

/// A worker that acknowledged a job every few seconds sent nothing else: no heartbeat was
/// due. Its acknowledgements were taken for a frame that drips, and it for dead.
#[tokio::test(start_paused = true)]
async fn a_peer_that_acknowledges_now_and_then_and_sends_nothing_else_is_alive() {
    for dialect in [
        aiomsg::builder::Dialect::V1,
        aiomsg::builder::Dialect::V2019,
    ] {
        let worker = Socket::builder()
            .dialects(aiomsg::builder::Dialects::Prefer(dialect))
            .ack_mode(AckMode::Handled);
        let worker = worker.build().unwrap();
        let endpoint = worker.bind("mem://now-and-then").await.unwrap();
        let client = Socket::builder().at_least_once().build().unwrap();
        client.connect(endpoint).unwrap();
        let working = async {
            while let Ok(job) = worker.recv_message().await {
                sleep(SECOND * 3).await;
                assert!(worker.acknowledge(&job));
            }
        };
        let asking = async {
            for _ in 0..20 {
                within("its acknowledgement", client.send_acked("a job"))
                    .await
                    .unwrap();
            }
            worker.close(SECOND).await;
        };
        tokio::join!(working, asking);
        let stats = worker.stats();
        assert_eq!((stats.connections, stats.received_messages), (1, 20));
    }
}

//! Many peers in one process, each as light as a peer can be: the connection of
//! this library with its heartbeats, and no socket around it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use aiomsg::core::Frame;
use aiomsg::core::codec::FrameCodec;
use aiomsg::layers::HeartbeatLayer;
use aiomsg::transport::framed::Framed;
use aiomsg::transport::handshake::Handshake;
use aiomsg::{Dialect, Dialects, Identity};
use futures::StreamExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tower::Layer;

/// How many connect at once.
const AT_ONCE: usize = 128;

/// What the peers of a crowd count together.
#[derive(Default)]
struct Counts {
    connected: AtomicUsize,
    heard: AtomicUsize,
    ended: AtomicUsize,
}

/// Connects, and tells by lines: `connected MICROSECONDS`, then `heard N` when
/// each peer has got another message. Ends when the first connection does.
pub(crate) async fn run(address: &str, count: usize) {
    let counts = Arc::<Counts>::default();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let started = Instant::now();
    for _ in 0..count {
        let (address, turns, counts) = (address.to_owned(), turns.clone(), counts.clone());
        tokio::spawn(async move {
            peer(&address, &turns, &counts).await;
            counts.ended.fetch_add(1, Relaxed);
        });
    }
    let mut heard = 0;
    let mut connected = false;
    while counts.ended.load(Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if !connected && counts.connected.load(Relaxed) == count {
            connected = true;
            println!("connected {}", started.elapsed().as_micros());
        }
        while counts.heard.load(Relaxed) >= (heard + 1) * count {
            heard += 1;
            println!("heard {heard}");
        }
    }
}

async fn peer(address: &str, turns: &Semaphore, counts: &Counts) {
    let turn = turns.acquire().await.expect("it is never closed");
    let mut stream = TcpStream::connect(address)
        .await
        .expect("the socket listens");
    let handshake = Handshake::new(Identity::random()).dialects(Dialects::Only(Dialect::V1));
    let established = handshake.connect(&mut stream).await;
    let established = established.expect("the socket answers");
    drop(turn);
    counts.connected.fetch_add(1, Relaxed);
    let codec = FrameCodec::new(established.dialect);
    let framed = Framed::with_received(stream, codec, established.received);
    let link = framed.link();
    // Whoever waits for frames sends heartbeats, too.
    let mut connection = HeartbeatLayer::new().link(link).layer(framed);
    while let Some(Ok(frame)) = connection.next().await {
        if let Frame::Data { .. } = frame {
            counts.heard.fetch_add(1, Relaxed);
        }
    }
}

//! Links that are slow all the time, and kernels that take megabytes ahead of them.
//! Over TCP, with real time: the kernel is what is asked.

use super::*;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use aiomsg::{Error, SocketBuilder};
use tokio::io::copy;
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep};
use tokio_util::sync::CancellationToken;

const SECOND: Duration = Duration::from_secs(1);

/// After how long a peer is dead that is not heard.
const TIMEOUT: Duration = Duration::from_millis(750);

/// How often a proxy reads.
const TICK: Duration = Duration::from_millis(20);

/// How many messages of 1,000 bytes are sent: more than two kernels take.
const MESSAGES: usize = 8_000;

/// A proxy that reads no more than so many bytes a second of what goes to `to`. It
/// lets through at once what comes from there.
struct SlowLink {
    address: SocketAddr,
    rate: Arc<AtomicUsize>,
    /// Whether nothing passes any more, in either direction.
    cut: CancellationToken,
}

impl SlowLink {
    fn new(to: u16, rate: usize) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(1 << 18).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(8).unwrap();
        let link = Self {
            address: listener.local_addr().unwrap(),
            rate: Arc::new(AtomicUsize::new(rate)),
            cut: CancellationToken::new(),
        };
        let (rate, cut) = (Arc::clone(&link.rate), link.cut.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                tokio::spawn(carry(near, far, Arc::clone(&rate), cut.clone()));
            }
        });
        link
    }

    fn port(&self) -> u16 {
        self.address.port()
    }
}

async fn carry(
    mut near: TcpStream,
    mut far: TcpStream,
    rate: Arc<AtomicUsize>,
    cut: CancellationToken,
) {
    let (mut from_near, mut to_near) = near.split();
    let (mut from_far, mut to_far) = far.split();
    let there = async {
        let mut ticks = interval(TICK);
        let mut block = vec![0; 1 << 20];
        loop {
            ticks.tick().await;
            let most = rate.load(Relaxed) / (SECOND.as_millis() / TICK.as_millis()) as usize;
            match from_near.read(&mut block[..most.min(1 << 20)]).await {
                Ok(0) | Err(_) => return,
                Ok(bytes) if to_far.write_all(&block[..bytes]).await.is_err() => return,
                Ok(_) => {}
            }
        }
    };
    tokio::select! {
        () = there => {}
        _ = copy(&mut from_far, &mut to_near) => {}
        () = cut.cancelled() => std::future::pending().await,
    }
}

/// Quick to find a peer dead.
fn hasty() -> SocketBuilder {
    Socket::builder()
        .heartbeat_interval(TIMEOUT / 5)
        .heartbeat_timeout(TIMEOUT)
}

/// Sends more than is ever taken at once.
fn send_much(socket: &Socket) -> JoinHandle<()> {
    let socket = socket.clone();
    tokio::spawn(async move {
        for n in 0..MESSAGES {
            socket.send(format!("{n:01000}")).await.unwrap();
        }
    })
}

/// Why the peer is gone.
async fn down(events: &mut Events) -> Arc<Error> {
    event(events, "the end", |event| match event {
        Event::PeerDown { reason, .. } => Some(reason),
        _ => None,
    })
    .await
}

async fn sent_by_a_slow_link(server: SocketBuilder, client: SocketBuilder, scheme: &str) {
    let (server, client) = (server.build().unwrap(), client.build().unwrap());
    let endpoint = server.bind(format!("{scheme}127.0.0.1:0")).await.unwrap();
    let link = SlowLink::new(endpoint.port().unwrap(), 50_000);
    let mut events = client.events();
    let there = format!("{scheme}127.0.0.1:{}", link.port());
    client.connect(there.as_str()).unwrap();
    within("the peer", client.wait_for_peers(1)).await.unwrap();
    let sending = send_much(&client);
    let receiving = async {
        for n in 0..MESSAGES {
            let message = within("a message", server.recv_text()).await.unwrap();
            assert_eq!(message.parse::<usize>().unwrap(), n);
        }
    };
    // Longer than a peer that is heard may take nothing.
    let quicker = async {
        sleep(TIMEOUT * 11).await;
        assert!(!sending.is_finished(), "the link is not slow");
        link.rate.store(usize::MAX, Relaxed);
    };
    tokio::select! {
        ((), ()) = async { tokio::join!(receiving, quicker) } => {}
        reason = down(&mut events) => panic!("the peer took bytes all the time: {reason}"),
    }
    sending.await.unwrap();
    assert_eq!(client.stats().connections, 1);
}

/// What the kernel had room for again was taken for what the peer took, and that is
/// told of by a third of some megabytes at a time.
#[tokio::test]
async fn a_peer_that_takes_little_all_the_time_is_not_dead() {
    sent_by_a_slow_link(hasty(), hasty(), "tcp://").await;
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_peer_that_takes_little_all_the_time_by_tls_is_not_dead() {
    let (_directory, tls) = tls::certificate();
    let builder = || hasty().tls(tls.clone());
    sent_by_a_slow_link(builder(), builder(), "tls://").await;
}

/// A link that is slow is told from one on which nothing passes any more.
#[tokio::test]
async fn a_slow_link_that_is_cut_is_found_dead_in_time() {
    let (server, client) = (hasty().build().unwrap(), hasty().build().unwrap());
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let link = SlowLink::new(endpoint.port().unwrap(), 50_000);
    let mut events = client.events();
    client
        .connect(Endpoint::tcp("127.0.0.1", link.port()))
        .unwrap();
    within("the peer", client.wait_for_peers(1)).await.unwrap();
    let sending = send_much(&client);
    sleep(TIMEOUT * 2).await;
    assert_eq!(client.stats().connections, 1);

    link.cut.cancel();
    let start = Instant::now();
    let reason = down(&mut events).await;
    assert!(reason.is_timeout(), "{reason}");
    assert!(start.elapsed() < TIMEOUT * 3, "{:?}", start.elapsed());
    sending.abort();
}

/// A peer that sends, and never takes what its system has no room for.
#[tokio::test]
async fn a_peer_that_takes_nothing_and_sends_heartbeats_is_found_dead_in_the_end() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = hasty().build().unwrap();
    let mut events = client.events();
    let port = listener.local_addr().unwrap().port();
    client.connect(Endpoint::tcp("127.0.0.1", port)).unwrap();
    let (mut peer, _) = within("the client", listener.accept()).await.unwrap();
    peer.write_all(&hello_v1(&[1; 16])).await.unwrap();
    let talking = tokio::spawn(async move {
        while peer.write_all(b"\0\0\0\x01\x02").await.is_ok() {
            sleep(TIMEOUT / 5).await;
        }
    });
    within("the peer", client.wait_for_peers(1)).await.unwrap();

    let start = Instant::now();
    let sending = send_much(&client);
    let reason = down(&mut events).await;
    assert!(reason.to_string().contains("took none"), "{reason}");
    let took = start.elapsed();
    assert!(TIMEOUT * 8 <= took && took < TIMEOUT * 12, "{took:?}");
    sending.abort();
    talking.abort();
}

//! Links that are slow all the time, and kernels that take megabytes ahead of them.
//! Over TCP, with real time: the kernel is what is asked.

use super::*;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use aiomsg::SocketBuilder;
use tokio::io::copy;
use tokio::net::TcpSocket;
use tokio::time::{Instant, interval, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// After how long a peer is dead that is not heard.
const TIMEOUT: Duration = SECOND;

/// How often a proxy reads.
const TICK: Duration = Duration::from_millis(20);

/// What a peer takes of a message of 1,000 bytes.
const MESSAGES: usize = 8_000;

/// A proxy that reads no more than so many bytes a second of what goes to `to`. It
/// lets through at once what comes from there.
struct SlowLink {
    address: SocketAddr,
    rate: Arc<AtomicUsize>,
    /// Whether nothing passes any more, in either direction.
    cut: tokio_util::sync::CancellationToken,
}

impl SlowLink {
    fn new(to: u16, rate: usize) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(1 << 20).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(8).unwrap();
        let link = Self {
            address: listener.local_addr().unwrap(),
            rate: Arc::new(AtomicUsize::new(rate)),
            cut: tokio_util::sync::CancellationToken::new(),
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
    cut: tokio_util::sync::CancellationToken,
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

async fn sent_by_a_slow_link(server: SocketBuilder, client: SocketBuilder, scheme: &str) {
    let (server, client) = (server.build().unwrap(), client.build().unwrap());
    let endpoint = server.bind(format!("{scheme}127.0.0.1:0")).await.unwrap();
    let link = SlowLink::new(endpoint.port().unwrap(), 150_000);
    let mut events = client.events();
    let there = format!("{scheme}127.0.0.1:{}", link.port());
    client.connect(there.as_str()).unwrap();
    within("the peer", client.wait_for_peers(1)).await.unwrap();

    let sending = tokio::spawn({
        let client = client.clone();
        async move {
            for n in 0..MESSAGES {
                let message = format!("{n:01000}");
                client.send(message).await.unwrap();
            }
        }
    });
    let receiving = async {
        for n in 0..MESSAGES {
            let message = within("a message", server.recv_text()).await.unwrap();
            assert_eq!(message.parse::<usize>().unwrap(), n);
        }
    };
    // Longer than a peer that is heard may take nothing.
    let quicker = async {
        sleep(TIMEOUT * 7).await;
        assert!(!sending.is_finished(), "the link is not slow");
        link.rate.store(usize::MAX, Relaxed);
    };
    let down = event(&mut events, "", |event| match event {
        Event::PeerDown { reason, .. } => Some(reason),
        _ => None,
    });
    tokio::select! {
        ((), ()) = async { tokio::join!(receiving, quicker) } => {}
        reason = down => panic!("the peer took bytes all the time: {reason}"),
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

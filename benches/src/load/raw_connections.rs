//! The least that many idle connections cost on this runtime: a task for each
//! that reads, and writes a heartbeat when it is time.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use aiomsg::Identity;
use aiomsg::builder::{Dialect, Dialects};
use aiomsg::parts::transport::handshake::Handshake;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, sleep_until};

use super::connections::{connected, idle_for};
use super::start;
use crate::process::own_usage;

const HEARTBEAT: &[u8] = &[0, 0, 0, 1, 2];
const INTERVAL: Duration = Duration::from_secs(5);

/// As `connections`, without a socket.
pub(crate) async fn run(count: usize, idle: Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("loopback can be bound");
    let address = listener.local_addr().expect("it is bound").to_string();
    let before = own_usage();
    let _crowd = start(["crowd", &address, &count.to_string()]);
    let started = Instant::now();
    let up = Arc::<AtomicUsize>::default();
    for _ in 0..count {
        let (stream, _) = listener.accept().await.expect("a peer connects");
        let up = Arc::clone(&up);
        tokio::spawn(async move {
            let ended = connection(stream, &up).await;
            ended.expect("the peer goes on");
        });
    }
    while up.load(Relaxed) < count {
        sleep(Duration::from_millis(1)).await;
    }
    println!(
        "{count} bare connections: all up in {:.2?}",
        started.elapsed()
    );
    sleep(Duration::from_secs(1)).await;
    let after = connected(before, count);
    idle_for(after, idle).await;
}

/// Counts a connection until it ends.
struct Up<'a>(&'a AtomicUsize);

impl<'a> Up<'a> {
    fn new(up: &'a AtomicUsize) -> Self {
        up.fetch_add(1, Relaxed);
        Self(up)
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Shakes hands, counts, and keeps the connection alive until it ends.
pub(super) async fn connection(mut stream: TcpStream, up: &AtomicUsize) -> io::Result<()> {
    let handshake = Handshake::new(Identity::random()).dialects(Dialects::Only(Dialect::V1));
    let shaken = handshake.accept(&mut stream).await;
    shaken.map_err(io::Error::other)?;
    let _up = Up::new(up);
    let mut next = Instant::now() + INTERVAL;
    loop {
        let mut buffer = [0; 64];
        tokio::select! {
            read = stream.read(&mut buffer) => {
                if read? == 0 {
                    return Ok(());
                }
            }
            () = sleep_until(next) => {
                stream.write_all(HEARTBEAT).await?;
                next += INTERVAL;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::light_peer;
    use super::*;

    #[tokio::test]
    async fn a_connection_counts_until_it_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let up = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&up);
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            connection(stream, &counted).await
        });
        let peer = light_peer::connect(&address).await.unwrap();
        while up.load(Relaxed) != 1 {
            sleep(Duration::from_millis(1)).await;
        }
        drop(peer);
        serving.await.unwrap().unwrap();
        assert_eq!(up.load(Relaxed), 0);
    }
}

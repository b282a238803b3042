use std::io;
use std::time::Duration;

use aiomsg_core::link::SendQueue;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::time::{sleep, timeout};

use super::*;

/// Writes until the system takes no more, and says how much it took.
fn fill(mut write: impl FnMut(&[u8]) -> io::Result<usize>) -> u64 {
    let mut taken = 0;
    loop {
        match write(&[0; 10_000]) {
            Ok(bytes) => taken += bytes as u64,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return taken,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The system tells the sender of what was taken a moment later.
async fn sinks_to(queue: &SendQueue, most: u64) {
    let sunk = async {
        while queue.bytes().unwrap() > most {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let sunk = timeout(Duration::from_secs(10), sunk).await;
    sunk.unwrap_or_else(|_| panic!("{:?} bytes, and not {most}", queue.bytes()));
}

async fn take<T: AsyncRead + Unpin>(peer: &mut T, bytes: u64) {
    let mut some = peer.take(bytes);
    tokio::io::copy(&mut some, &mut tokio::io::sink())
        .await
        .unwrap();
}

/// The addresses of this machine for itself.
fn hosts() -> Vec<&'static str> {
    let ipv6 = std::net::TcpListener::bind(("::1", 0)).is_ok();
    ["127.0.0.1", "::1"][..1 + usize::from(ipv6)].to_vec()
}

async fn connected(host: &str) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((host, 0)).await.unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    (ours, listener.accept().await.unwrap().0)
}

/// Nobody saw whether a peer took any of the megabytes that the system holds.
#[tokio::test]
async fn what_a_peer_has_not_taken_by_tcp_is_known() {
    for host in hosts() {
        let (ours, mut theirs) = connected(host).await;
        let queue = of_tcp(&ours, ours.peer_addr().unwrap()).unwrap();
        assert_eq!(queue.bytes(), Some(0), "{host}");

        // Some of it is in the peer's system, which has taken it.
        ours.writable().await.unwrap();
        let written = fill(|bytes| ours.try_write(bytes));
        let full = queue.bytes().unwrap();
        assert!(0 < full && full <= written, "{host}: {full} of {written}");

        take(&mut theirs, written / 2).await;
        sinks_to(&queue, full * 3 / 4).await;
        take(&mut theirs, written - written / 2).await;
        sinks_to(&queue, 0).await;
    }
}

/// The addresses of a connection to an IPv4 address by an IPv6 socket are mapped.
#[tokio::test]
async fn an_ipv6_socket_with_an_ipv4_peer_is_found() {
    // There are machines without IPv6, and the test says nothing there.
    let Ok(listener) = TcpListener::bind(("::", 0)).await else {
        assert_eq!(hosts(), ["127.0.0.1"]);
        return;
    };
    let port = listener.local_addr().unwrap().port();
    let _peer = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (ours, remote) = listener.accept().await.unwrap();
    assert!(remote.is_ipv6());
    assert_eq!(of_tcp(&ours, remote).unwrap().bytes(), Some(0));
}

#[tokio::test]
async fn what_a_peer_has_not_taken_by_a_unix_socket_is_known() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let queue = of_unix(&ours).unwrap();
    assert_eq!(queue.bytes(), Some(0));

    ours.writable().await.unwrap();
    let written = fill(|bytes| ours.try_write(bytes));
    let full = queue.bytes().unwrap();
    assert!(full >= written, "{full} of {written}");

    take(&mut theirs, written / 2).await;
    sinks_to(&queue, full * 3 / 4).await;
    take(&mut theirs, written - written / 2).await;
    sinks_to(&queue, 0).await;
}

#[tokio::test]
async fn nothing_is_said_of_a_connection_that_is_no_more() {
    let (ours, theirs) = connected("127.0.0.1").await;
    let queue = of_tcp(&ours, ours.peer_addr().unwrap()).unwrap();
    // A reset leaves nothing behind.
    ours.set_zero_linger().unwrap();
    drop((ours, theirs));
    assert_eq!(queue.bytes(), None);

    let (ours, theirs) = UnixStream::pair().unwrap();
    let queue = of_unix(&ours).unwrap();
    drop((ours, theirs));
    assert_eq!(queue.bytes(), None);
}

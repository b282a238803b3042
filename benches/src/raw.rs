//! The limit: frames of the same size, gathered into writes of 64 KiB, read in
//! blocks of 64 KiB and counted.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::Rate;

const BLOCK: usize = 64 << 10;

/// The length and the type byte of a frame in dialect v1.
const HEADER: usize = 5;

pub(crate) fn measure(payload: usize, time: Duration) -> Rate {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    listener
        .set_nonblocking(true)
        .expect("a listener can be made non-blocking");
    let address = listener
        .local_addr()
        .expect("a bound listener has an address");
    let frame = HEADER + payload;

    let sender = async move {
        let mut stream = TcpStream::connect(address)
            .await
            .expect("the receiver listens");
        let block = vec![0; (BLOCK / frame).max(1) * frame];
        while stream.write_all(&block).await.is_ok() {}
    };
    let receiver = async move {
        let listener = TcpListener::from_std(listener).expect("the runtime takes the listener");
        let (mut stream, _) = listener.accept().await.expect("the sender connects");
        let mut block = vec![0; BLOCK];
        let mut bytes = 0;
        let started = Instant::now();
        while started.elapsed() < time {
            match stream.read(&mut block).await.expect("the sender sends") {
                0 => break,
                read => bytes += read,
            }
        }
        (bytes / frame) as f64 / started.elapsed().as_secs_f64()
    };
    crate::two_ends(receiver, sender)
}

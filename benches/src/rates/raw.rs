//! The limit: the same frames, copied one by one into writes of 64 KiB, read in
//! blocks of 64 KiB and found by their lengths. No queue, no task, no peer.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::Rate;

const BLOCK: usize = 64 << 10;

/// The length and the type byte of a frame in dialect v1.
const HEADER: usize = 5;

/// The type byte of a message.
const DATA: u8 = 3;

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
        let payload = vec![0; payload];
        let mut block = Vec::with_capacity(BLOCK + frame);
        loop {
            while block.len() < BLOCK {
                block.extend_from_slice(&(payload.len() as u32 + 1).to_be_bytes());
                block.push(DATA);
                block.extend_from_slice(&payload);
            }
            if stream.write_all(&block).await.is_err() {
                return;
            }
            block.clear();
        }
    };
    let receiver = async move {
        let listener = TcpListener::from_std(listener).expect("the runtime takes the listener");
        let (mut stream, _) = listener.accept().await.expect("the sender connects");
        let mut block = Vec::with_capacity(BLOCK + frame);
        let mut frames = 0_u64;
        let started = Instant::now();
        while started.elapsed() < time {
            if stream.read_buf(&mut block).await.expect("the sender sends") == 0 {
                break;
            }
            let mut position = 0;
            while let Some(prefix) = block[position..].first_chunk::<4>() {
                let end = position + 4 + u32::from_be_bytes(*prefix) as usize;
                if end > block.len() {
                    break;
                }
                position = end;
                frames += 1;
            }
            block.drain(..position);
        }
        frames as f64 / started.elapsed().as_secs_f64()
    };
    super::two_ends(receiver, sender)
}

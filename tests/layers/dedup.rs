//! Effectively once: acknowledged after handling, and what comes again is known.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::*;
use aiomsg::layer::DedupLayer;
use aiomsg::{AckMode, Delivery, Error};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::{ServiceBuilder, service_fn};

/// A peer of dialect v1, by its bytes.
async fn peer(endpoint: &Endpoint) -> TcpStream {
    let port = endpoint.port().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let hello = [&b"\0\0\0\x12\x01\x01"[..], &[7; 16]].concat();
    stream.write_all(&hello).await.unwrap();
    let mut theirs = vec![0; hello.len()];
    stream.read_exact(&mut theirs).await.unwrap();
    stream
}

/// The request of a message with this id, and its acknowledgement.
fn frames(id: u8) -> (Vec<u8>, Vec<u8>) {
    let request = [&b"\0\0\0\x14\x04"[..], &[id; 16], b"job"].concat();
    let ack = [&b"\0\0\0\x11\x05"[..], &[id; 16]].concat();
    (request, ack)
}

async fn acknowledged(stream: &mut TcpStream, ack: &[u8]) {
    let mut got = vec![0; ack.len()];
    within("the acknowledgement", stream.read_exact(&mut got))
        .await
        .unwrap();
    assert_eq!(got, ack);
}

/// The acknowledgement was lost with the connection, and the message is sent
/// again on the next one.
#[tokio::test]
async fn a_job_that_is_sent_again_is_done_once() {
    let done = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&done);
    let handler = ServiceBuilder::new()
        .layer(DedupLayer::new())
        .service(service_fn(move |_: Delivery| {
            counter.fetch_add(1, Relaxed);
            async { Ok::<_, Error>(()) }
        }));
    let worker = Socket::builder()
        .ack_mode(AckMode::Handled)
        .build()
        .unwrap();
    let endpoint = worker.bind("127.0.0.1:0").await.unwrap();
    let serving = tokio::spawn(worker.serve(handler).into_future());

    let (request, ack) = frames(1);
    for _ in 0..2 {
        let mut stream = peer(&endpoint).await;
        stream.write_all(&request).await.unwrap();
        acknowledged(&mut stream, &ack).await;
        stream.write_all(&request).await.unwrap();
        acknowledged(&mut stream, &ack).await;
    }
    let (another, ack) = frames(2);
    let mut stream = peer(&endpoint).await;
    stream.write_all(&another).await.unwrap();
    acknowledged(&mut stream, &ack).await;
    assert_eq!(
        done.load(Relaxed),
        2,
        "two jobs, whatever their number on the wire"
    );
    serving.abort();
}

/// Around the receive path, where acknowledgements are given on receipt.
#[tokio::test]
async fn a_message_that_is_sent_again_is_received_once() {
    let socket = Socket::builder()
        .receive_layer(DedupLayer::new())
        .build()
        .unwrap();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    let mut stream = peer(&endpoint).await;
    for id in [1, 1, 2, 1] {
        let (request, ack) = frames(id);
        stream.write_all(&request).await.unwrap();
        acknowledged(&mut stream, &ack).await;
    }
    for _ in 0..2 {
        within("a message", socket.recv()).await.unwrap();
    }
    assert_eq!(socket.stats().unreceived_messages, 0);
}

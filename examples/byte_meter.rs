//! A user's layer around each connection: it counts the payload bytes in both
//! directions, and adds a line to a table when the peer leaves.
//!
//! ```text
//! cargo run --example byte_meter [ADDRESS]
//! ```

use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg::core::{Connection, Frame, Identified};
use aiomsg::{Error, Socket};
use futures::{Sink, SinkExt, Stream, StreamExt};

/// A connection, and its payload bytes in each direction. Only this layer writes
/// them, so they need no lock.
struct Metered<C: Identified>(C, [usize; 2]);

fn bytes(frame: &Frame) -> usize {
    frame.payload().map_or(0, bytes::Bytes::len)
}

impl<C: Connection + Identified> Stream for Metered<C> {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.0.poll_next_unpin(cx);
        if let Poll::Ready(Some(Ok(frame))) = &next {
            self.1[0] += bytes(frame);
        }
        next
    }
}

impl<C: Connection + Identified> Sink<Frame> for Metered<C> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready_unpin(cx)
    }
    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        self.1[1] += bytes(&frame);
        self.0.start_send_unpin(frame)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_flush_unpin(cx)
    }
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_close_unpin(cx)
    }
}

impl<C: Identified> Drop for Metered<C> {
    fn drop(&mut self) {
        let (peer, [came, went]) = (self.0.identity(), self.1);
        println!("{peer} {came:>8} {went:>8}");
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");

    let layer = tower::layer::layer_fn(|connection| Metered(connection, [0, 0]));
    let server = Socket::builder().connection_layer(layer).build()?;
    let endpoint = server.bind(address).await?;
    println!("{:32} {:>8} {:>8}", "peer", "came", "went");
    for size in [100, 10_000, 1_000_000] {
        let client = Socket::new()?;
        client.connect(endpoint.clone())?;
        client.send(vec![0; size]).await?;
        let (peer, _) = server.recv_identity().await?;
        server.send_to(peer, "thank you").await?;
        client.recv().await?;
    }
    server.close(std::time::Duration::from_secs(5)).await;
    Ok(())
}

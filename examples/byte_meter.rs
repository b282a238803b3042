//! A user's layer around each connection: it counts the payload bytes in both
//! directions, and adds a line to a table when the peer leaves.
//!
//! ```text
//! cargo run --example byte_meter [ADDRESS]
//! ```

use aiomsg::layer::HookLayer;
use aiomsg::layer::{Frame, FrameHook};
use aiomsg::{Error, Identity, Socket};

/// The payload bytes of one connection in each direction. Only its own task writes them,
/// so they need no lock.
struct Meter {
    peer: Identity,
    came: usize,
    went: usize,
}

impl Meter {
    fn new(peer: &Identity) -> Self {
        let (peer, came, went) = (peer.clone(), 0, 0);
        Self { peer, came, went }
    }
}

fn bytes(frame: &Frame) -> usize {
    frame.payload().map_or(0, bytes::Bytes::len)
}

impl FrameHook for Meter {
    fn arriving(&mut self, frame: Frame) -> Option<Frame> {
        self.came += bytes(&frame);
        Some(frame)
    }

    fn leaving(&mut self, frame: Frame) -> Option<Frame> {
        self.went += bytes(&frame);
        Some(frame)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        println!("{} {:>8} {:>8}", self.peer, self.came, self.went);
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");

    let layer = HookLayer::per_peer(Meter::new);
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

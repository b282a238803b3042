//! A user's layer around each connection: it drops the messages of one peer, and lets
//! those of all others pass.
//!
//! ```text
//! cargo run --example drop_frames_of_one_peer [ADDRESS]
//! ```

use aiomsg::layer::HookLayer;
use aiomsg::layer::{Frame, FrameHook};
use aiomsg::{Error, Identity, Socket};

/// Drops the messages of a peer. Heartbeats and acknowledgements pass.
struct Drops;

impl FrameHook for Drops {
    fn arriving(&mut self, frame: Frame) -> Option<Frame> {
        // A dropped message with an id is not acknowledged, so an at-least-once sender sends
        // it again until no resend is left.
        frame.payload().is_none().then_some(frame)
    }

    // `leaving` would drop the messages for this peer.
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");

    let muted = Identity::from(*b"a peer to ignore");
    // The function is asked once for each connection. `None` lets all frames pass.
    let layer = HookLayer::per_peer({
        let muted = muted.clone();
        move |peer: &Identity| (*peer == muted).then_some(Drops)
    });
    let server = Socket::builder().connection_layer(layer).build()?;
    let endpoint = server.bind(address).await?;

    let others = Identity::random();
    for (identity, message) in [
        (muted, "from the muted peer"),
        (others, "from another peer"),
    ] {
        let client = Socket::builder().identity(identity).build()?;
        client.connect(endpoint.clone())?;
        client.wait_for_peers(1).await?;
        client.send(message).await?;
        client.close(std::time::Duration::from_secs(5)).await;
    }
    println!("received {}", server.recv_text().await?);
    println!("{} more", server.stats().unreceived_messages);
    server.close(std::time::Duration::from_secs(5)).await;
    Ok(())
}

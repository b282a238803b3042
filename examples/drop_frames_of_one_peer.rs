//! A user's layer around the connections of one peer: it drops the messages of that peer.
//!
//! ```text
//! cargo run --example drop_frames_of_one_peer [ADDRESS]
//! ```

use std::time::Duration;

use aiomsg::core::Frame;
use aiomsg::core::connection::{ArrivingFn, HookLayer};
use aiomsg::{Error, Identity, Socket};

/// Heartbeats and acknowledgements pass: without them the peer would count as dead.
fn drop_messages(frame: Frame) -> Option<Frame> {
    match frame.payload() {
        Some(_) => None,
        None => Some(frame),
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");

    let noisy = Identity::from(*b"a noisy neighbor");
    let muted = noisy.clone();
    // `None` is the hook of all other peers: it lets their frames pass.
    let layer = HookLayer::per_peer(move |peer: &Identity| {
        (*peer == muted).then_some(ArrivingFn::new(drop_messages))
    });
    let server = Socket::builder().connection_layer(layer).build()?;
    let endpoint = server.bind(address).await?;

    for (name, identity) in [("noisy", noisy), ("another", Identity::random())] {
        let client = Socket::builder().identity(identity).build()?;
        client.connect(endpoint.clone())?;
        client.wait_for_peers(1).await?;
        client.send(format!("hello from {name}")).await?;
        client.close(Duration::from_secs(5)).await;
    }
    server.close(Duration::from_secs(5)).await;
    while let Ok(message) = server.recv_text().await {
        println!("received {message}");
    }
    Ok(())
}

//! A peer as light as a peer can be: the connection of this library with its
//! heartbeats, and no socket around it.

use aiomsg::core::connection::{FrameStream, SinkStream};
use aiomsg::layers::HeartbeatLayer;
use aiomsg::transport::codec::FrameCodec;
use aiomsg::transport::framed::Framed;
use aiomsg::transport::handshake::Handshake;
use aiomsg::{Dialect, Dialects, Identity};
use tokio::net::TcpStream;
use tower::Layer;

use crate::library::Failure;

/// Connects. Whoever waits for frames sends heartbeats, too.
pub(crate) async fn connect(address: &str) -> Result<impl SinkStream, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    let handshake = Handshake::new(Identity::random()).dialects(Dialects::Only(Dialect::V1));
    let established = handshake.connect(&mut stream).await?;
    let codec = FrameCodec::new(established.dialect);
    let framed = Framed::with_received(stream, codec, established.received);
    let link = framed.link();
    let connection = HeartbeatLayer::new().link(link).layer(framed);
    Ok(FrameStream::new(connection))
}

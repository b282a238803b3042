//! A peer as light as a peer can be: the connection of this library with its
//! heartbeats, and no socket around it.

use aiomsg::Identity;
use aiomsg::builder::{Dialect, Dialects};
use aiomsg::layer::HeartbeatLayer;
use aiomsg::layer::{FrameStream, SinkStream};
use aiomsg::parts::transport::codec::FrameCodec;
use aiomsg::parts::transport::framed::Framed;
use aiomsg::parts::transport::handshake::Handshake;
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

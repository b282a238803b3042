//! Layers that were added where something else passes.

use std::time::Duration;

use aiomsg::Socket;
use aiomsg::layer::HeartbeatLayer;
use tower::limit::RateLimitLayer;

fn main() {
    // A layer of connections around messages.
    let _ = Socket::builder().layer(HeartbeatLayer::new()).build();
    // A layer of services around connections.
    let rate = RateLimitLayer::new(1, Duration::from_secs(1));
    let _ = Socket::builder().connection_layer(rate).build();
}

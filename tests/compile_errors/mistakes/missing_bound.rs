//! A generic function asks too little of a layer.

use aiomsg::send::StandardSend;
use aiomsg::{Error, Socket};
use tower::Layer;

fn open<L: Layer<StandardSend>>(layer: L) -> Result<Socket<L::Service>, Error> {
    Socket::builder().layer(layer).build()
}

fn main() {
    let _ = open(tower::layer::util::Identity::new());
}

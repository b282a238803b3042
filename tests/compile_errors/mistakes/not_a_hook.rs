//! A closure where a hook is wanted, and a hook where a layer is.

use aiomsg::Socket;
use aiomsg::core::connection::HookLayer;
use aiomsg::core::{Frame, FrameHook};

#[derive(Clone)]
struct Quiet;

impl FrameHook for Quiet {}

fn main() {
    let _ = HookLayer::new(|frame: Frame| Some(frame));
    let _ = Socket::builder().connection_layer(Quiet).build();
}

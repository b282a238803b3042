//! A closure where a hook is wanted.

use aiomsg::core::Frame;
use aiomsg::core::connection::HookLayer;

fn main() {
    let _ = HookLayer::new(|frame: Frame| Some(frame));
}

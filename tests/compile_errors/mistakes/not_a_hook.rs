//! A closure where a hook is wanted.

use aiomsg::layer::Frame;
use aiomsg::layer::HookLayer;

fn main() {
    let _ = HookLayer::new(|frame: Frame| Some(frame));
}

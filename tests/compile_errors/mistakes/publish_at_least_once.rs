//! Two settings that contradict each other.

use aiomsg::Socket;

fn main() {
    let _ = Socket::builder().publish().at_least_once().build();
}

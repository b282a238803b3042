//! A message that is neither text nor bytes.

use aiomsg::Socket;

fn main() {
    let socket = Socket::new().unwrap();
    let _ = socket.send(42);
}

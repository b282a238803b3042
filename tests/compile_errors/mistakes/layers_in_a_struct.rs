//! A socket with layers in a struct, whose methods send.

use aiomsg::{Error, Socket};

struct Client<S> {
    socket: Socket<S>,
}

impl<S> Client<S> {
    async fn greet(&self) -> Result<(), Error> {
        self.socket.send("hello").await
    }
}

fn main() {}

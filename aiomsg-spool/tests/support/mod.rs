//! Sockets with a spool.

use aiomsg::Socket;
use aiomsg_spool::{Spool, SpoolService};

/// A socket whose messages are stored.
pub(crate) fn producer(spool: &Spool) -> Socket<SpoolService> {
    let builder = Socket::builder().at_least_once();
    builder.layer(spool.layer()).build().unwrap()
}

/// A socket that is connected to this one.
pub(crate) async fn consumer(producer: &Socket<SpoolService>) -> Socket {
    let endpoint = producer.bind("127.0.0.1:0").await.unwrap();
    let consumer = Socket::new().unwrap();
    consumer.connect(endpoint).unwrap();
    consumer
}

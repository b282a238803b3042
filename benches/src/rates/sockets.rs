//! One socket to another.

use std::time::Duration;

use aiomsg::builder::SendService;
use aiomsg::{Endpoint, Error, Socket};
use bytes::Bytes;
use tokio::time::Instant;

use super::Rate;

/// A socket with the standard stack, or with layers around it.
pub(crate) fn measure<S: SendService + Send>(
    payload: usize,
    time: Duration,
    build: impl FnOnce() -> Result<Socket<S>, Error> + Send,
) -> Rate {
    let (tell, told) = std::sync::mpsc::sync_channel::<Endpoint>(1);
    let sender = async move {
        let socket = build().expect("the settings are good");
        let endpoint = told.recv().expect("the receiver binds");
        socket.connect(endpoint).expect("the endpoint is good");
        let message = Bytes::from(vec![0; payload]);
        let _ = socket.wait_for_peers(1).await;
        let send = async { while socket.send(message.clone()).await.is_ok() {} };
        // The receiver ends when the time is over, and so does this.
        tokio::select! {
            () = send => {}
            () = alone(&socket) => {}
        }
    };
    let receiver = async move {
        let socket = Socket::new().expect("the settings are good");
        let endpoint = socket
            .bind("127.0.0.1:0")
            .await
            .expect("loopback can be bound");
        tell.send(endpoint).expect("the sender waits");
        // The first messages are the warm-up.
        for _ in 0..1000 {
            socket.recv().await.expect("the sender sends");
        }
        let started = Instant::now();
        let mut count = 0_u64;
        while started.elapsed() < time {
            for _ in 0..1000 {
                socket.recv().await.expect("the sender sends");
            }
            count += 1000;
        }
        let rate = count as f64 / started.elapsed().as_secs_f64();
        socket.close(Duration::ZERO).await;
        rate
    };
    super::two_ends(receiver, sender)
}

async fn alone<S>(socket: &Socket<S>) {
    let mut events = socket.events();
    while let Some(event) = events.next().await {
        if matches!(event, aiomsg::Event::PeerDown { .. }) {
            return;
        }
    }
}

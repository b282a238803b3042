//! A sender, a proxy, and a receiver, each in a process of its own.

use std::time::Duration;

use aiomsg::{DeliveryGuarantee, Socket};
use clap::Args;
use tokio::time::Instant;

use super::pace::Pace;
use super::sequence;

/// How long the end of one role may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// Sends numbered messages for a time, and says `sent N` at the end.
#[derive(Args)]
pub(crate) struct Sender {
    address: String,
    /// The size of a message, in bytes.
    #[arg(long)]
    size: usize,
    /// How many messages, at most.
    #[arg(long, default_value_t = u64::MAX)]
    count: u64,
    /// For how many seconds.
    #[arg(long, default_value_t = u32::MAX)]
    seconds: u32,
    /// How many messages a second; as many as possible by default.
    #[arg(long)]
    rate: Option<u64>,
    #[arg(long)]
    at_least_once: bool,
}

impl Sender {
    pub(crate) async fn run(self) {
        let socket = socket(self.at_least_once);
        socket
            .connect(self.address.as_str())
            .expect("the address is good");
        // What is in the buffer at the end, and has never had a peer, comes back.
        let connected = socket.wait_for_peers(1).await;
        connected.expect("the socket is open");
        let until = Instant::now() + Duration::from_secs(self.seconds.into());
        let mut pace = self.rate.map(Pace::new);
        let mut number = 0;
        while number < self.count && (number % 256 != 0 || Instant::now() < until) {
            if let Some(pace) = &mut pace {
                pace.pass(1).await;
            }
            let message = sequence::message(number, self.size);
            socket.send(message).await.expect("the socket is open");
            number += 1;
        }
        let report = socket.close(DEADLINE).await;
        let left = (report.unsent.len(), report.unacknowledged.len());
        assert_eq!(left, (0, 0), "messages are unsent, or not acknowledged");
        println!("sent {number}");
    }
}

/// Hands messages from whoever connects to whoever connects. Says `frontend
/// ADDRESS` and `backend ADDRESS`, and runs until it is killed.
#[derive(Args)]
pub(crate) struct Proxy {
    #[arg(long)]
    at_least_once: bool,
}

impl Proxy {
    pub(crate) async fn run(self) {
        let frontend = Socket::new().expect("the settings are good");
        let backend = socket(self.at_least_once);
        for (socket, name) in [(&frontend, "frontend"), (&backend, "backend")] {
            let bound = socket.bind("127.0.0.1:0").await;
            println!("{name} {}", bound.expect("loopback can be bound"));
        }
        loop {
            let message = frontend.recv().await.expect("the socket is open");
            backend.send(message).await.expect("the socket is open");
        }
    }
}

fn socket(at_least_once: bool) -> Socket {
    let guarantee = match at_least_once {
        true => DeliveryGuarantee::AtLeastOnce,
        false => DeliveryGuarantee::AtMostOnce,
    };
    let socket = Socket::builder().delivery_guarantee(guarantee).build();
    socket.expect("the settings are good")
}

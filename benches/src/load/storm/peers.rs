//! Peers that connect again.

use aiomsg::Socket;
use aiomsg::parts::layers::reconnect::{ReconnectLayer, exponential};
use futures::StreamExt;
use tokio::time::{Instant, sleep};

use super::super::light_peer;

#[derive(clap::Args)]
pub(crate) struct Peers {
    address: String,
    count: usize,
}

impl Peers {
    /// A socket for each.
    pub(super) async fn run(self) {
        let mut sockets = Vec::with_capacity(self.count);
        for _ in 0..self.count {
            let socket = Socket::new().expect("the settings are good");
            let connecting = socket.connect(self.address.as_str());
            connecting.expect("the address is one");
            sockets.push(socket);
        }
        std::future::pending::<()>().await;
        drop(sockets);
    }

    /// A task for each, with the delays that sockets have.
    pub(super) async fn run_raw(self) {
        for _ in 0..self.count {
            tokio::spawn(stay_connected(self.address.clone()));
        }
        std::future::pending::<()>().await;
    }
}

async fn stay_connected(address: String) {
    let delay = exponential(ReconnectLayer::FIRST_DELAY, ReconnectLayer::LONGEST_DELAY);
    let mut failures = 0;
    loop {
        if let Ok(mut connection) = light_peer::connect(&address).await {
            let begun = Instant::now();
            while let Some(Ok(_)) = connection.next().await {}
            if begun.elapsed() >= ReconnectLayer::GOOD_AFTER {
                failures = 0;
            }
        }
        sleep(delay(failures)).await;
        failures += 1;
    }
}

use std::path::PathBuf;
use std::time::Duration;

use aiomsg::Socket;
use clap::Args;
use tokio::time::{Instant, sleep};

use super::{certificate_in, tls};

/// Between two of them.
const PAUSE: Duration = Duration::from_millis(50);

/// Peers that connect, one after the other.
#[derive(Args)]
pub(crate) struct GoodPeers {
    port: u16,
    count: usize,
    /// Of the certificate.
    folder: PathBuf,
}

impl GoodPeers {
    pub(crate) async fn run(self) {
        let files = certificate_in(&self.folder);
        let tls = tls(&files.certificate, &files.key);
        let (mut times, mut failures) = (Vec::new(), 0);
        for _ in 0..self.count {
            let peer = Socket::builder().tls(tls.clone()).build();
            let peer = peer.expect("the settings are good");
            let started = Instant::now();
            peer.connect(format!("tls://127.0.0.1:{}", self.port).as_str())
                .expect("the address is good");
            peer.wait_for_peers(1).await.expect("the socket is open");
            times.push(started.elapsed());
            failures += peer.stats().failed_connections;
            peer.close(Duration::from_secs(1)).await;
            sleep(PAUSE).await;
        }
        times.sort_unstable();
        println!(
            "connected {} good peers: half of them within {:.1?}, all within {:.1?}; {failures} \
             tries failed",
            times.len(),
            times[times.len() / 2],
            times[times.len() - 1],
        );
        std::future::pending::<()>().await;
    }
}

//! The server is killed, and starts again.

use std::collections::BTreeSet;
use std::time::Duration;

use aiomsg_spool::Spool;

use super::nats_server::Server;
use super::{open, soon, support};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_the_server_is_killed() {
    const KILLS: usize = 5;
    let mut server = Server::start();
    let spool = open(&server, Spool::builder()).await;
    let producer = support::producer(&spool);
    let consumer = support::consumer(&producer).await;

    let stop = tokio_stop::Stop::default();
    let sending = tokio::spawn({
        let (producer, stop) = (producer.clone(), stop.clone());
        async move {
            let mut accepted = BTreeSet::new();
            for n in 0_u64.. {
                if stop.is_set() {
                    break;
                }
                if producer.send(n.to_string()).await.is_ok() {
                    accepted.insert(n);
                }
            }
            accepted
        }
    });
    let receiving = tokio::spawn(async move {
        let mut came = BTreeSet::new();
        while let Ok(Ok(text)) =
            tokio::time::timeout(Duration::from_secs(12), consumer.recv_text()).await
        {
            came.insert(text.parse::<u64>().unwrap());
        }
        came
    });
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.kill();
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.restart();
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.set();
    let accepted = soon(sending).await.unwrap();
    let came = tokio::time::timeout(Duration::from_secs(60), receiving)
        .await
        .unwrap()
        .unwrap();
    let lost: Vec<_> = accepted.difference(&came).collect();
    assert!(accepted.len() > 100, "{} were accepted", accepted.len());
    assert!(lost.is_empty(), "lost: {lost:?}");
}

mod tokio_stop {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    /// Says when to stop.
    #[derive(Clone, Default)]
    pub(super) struct Stop(Arc<AtomicBool>);

    impl Stop {
        pub(super) fn set(&self) {
            self.0.store(true, Relaxed);
        }

        pub(super) fn is_set(&self) -> bool {
            self.0.load(Relaxed)
        }
    }
}

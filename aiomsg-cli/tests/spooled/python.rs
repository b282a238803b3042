//! Python programs at both ends. They keep what they send in memory, and acknowledge what
//! they have received before they handle it, so they live, and the proxy dies.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::ledger::Ledger;
use crate::proxy::{Place, Proxy};
use crate::schedule::Schedule;
use crate::support::python::{Guarantee, Peer, Tls, Version};
use crate::{folder, kills, lives, soon, within};

/// Messages at a time.
const BURST: u64 = 8;

/// Between two bursts.
const PAUSE: Duration = Duration::from_millis(10);

/// As many may be on their way: a killed proxy has them sent again after seconds only.
const WINDOW: u64 = 2000;

async fn nothing_is_lost(version: Version, tls: bool) {
    let mut schedule = Schedule::new(format!("a spool between Python {version:?}, tls {tls}"));
    let folder = folder(tls);
    let place = Place::new(folder.path(), tls);
    let mut ledger = Ledger::default();
    let mut proxy = Proxy::start(&place).await;
    let start = async |address: &str, identity: &[u8; 16]| {
        let mut builder = Peer::builder(version)
            .connect(address)
            .identity(identity)
            .guarantee(Guarantee::AtLeastOnce);
        if let Some(folder) = place.certificates() {
            let [cert, key, trust] =
                ["peer.cert", "peer.key", "proxy.cert"].map(|it| folder.join(it));
            builder = builder.tls(Tls::new(cert, key, trust));
        }
        builder.start().await
    };
    let mut producer = start(&place.frontend, b"python's sender.").await;
    let mut consumer = start(&place.backend, b"python receives.").await;
    while schedule.kills() < kills() {
        let life = schedule.next_life();
        let handled = ledger.handled();
        let since = Instant::now();
        while lives(life, since, handled, &ledger) {
            if ledger.next - (ledger.handled() as u64) < WINDOW {
                for _ in 0..BURST {
                    let number = ledger.send();
                    producer.send(number.to_string().as_bytes()).await;
                }
            }
            receive(&consumer, &mut ledger, PAUSE).await;
        }
        schedule.killed(&format!("the proxy, {life:?}"));
        proxy.kill();
        sleep(soon(life.pause)).await;
        proxy = Proxy::start(&place).await;
    }
    within("all messages", async {
        while !ledger.is_complete() {
            receive(&consumer, &mut ledger, PAUSE).await;
        }
    })
    .await;
    assert!(ledger.is_true(), "a message was never sent");
    schedule.report(&ledger.summary());
    producer.kill().await;
    // It acknowledges what it has received within 20 ms.
    receive(&consumer, &mut ledger, Duration::from_millis(500)).await;
    proxy.end_empty(&place).await;
    consumer.kill().await;
}

/// All that comes within this time.
async fn receive(consumer: &Peer, ledger: &mut Ledger, time: Duration) {
    let until = Instant::now() + time;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let Some((_, message)) = consumer.try_recv_for(left).await else {
            return;
        };
        let number = std::str::from_utf8(&message).unwrap();
        ledger.handle(number.parse().unwrap());
    }
}

cases! {
    python_2019: nothing_is_lost(Version::V2019, false);
    python_2019_by_tls: nothing_is_lost(Version::V2019, true);
    python_2026: nothing_is_lost(Version::V2026, false);
    python_2026_by_tls: nothing_is_lost(Version::V2026, true);
}

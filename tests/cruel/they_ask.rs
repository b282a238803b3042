//! A Python client that sends at-least-once to an echo server of ours, which is
//! killed again and again.
//!
//! What is promised, and checked: every message comes back, at least once, and
//! nobody sends anything again but the Python library. That is so because our
//! server acknowledges a message when the client has acknowledged its echo; and
//! because the library sends again, as a new message and after 5 s, what was
//! not acknowledged (2026.7.1: five times, and no message here is lost that
//! often; 2019.12.1: for ever).

use std::cell::Cell;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::PATIENCE;
use crate::ledger::Ledger;
use crate::schedule::{Schedule, address};
use crate::server::{Certificates, Kind, Server, name};
use crate::support::python::{Guarantee, Peer, Version};

/// As many may be on their way: see `servers_die`.
const WINDOW: usize = 100;

/// Between two messages.
const PAUSE: Duration = Duration::from_millis(5);

async fn every_message_comes_back(version: Version, tls: bool) {
    let mut schedule = Schedule::new(format!("client {version:?}, tls {tls}"));
    let tls = tls.then(Certificates::new);
    let tls = tls.as_ref();
    let address = address();

    let mut builder = Peer::builder(version)
        .connect(&address)
        .guarantee(Guarantee::AtLeastOnce);
    if let Some(tls) = tls {
        builder = builder.tls(tls.python("client", "server"));
    }
    let client = builder.start().await;

    let ledger = Ledger::default();
    let over = Cell::new(false);
    let asking = async {
        while !over.get() {
            if ledger.missing() < WINDOW {
                client.send(ledger.send(0).as_bytes()).await;
            }
            sleep(PAUSE).await;
        }
    };
    let hearing = async {
        loop {
            if let Some((_, echo)) = client.try_recv_for(PATIENCE).await {
                ledger.is_back(&echo);
            }
        }
    };
    let killing = async {
        let mut who = 0;
        loop {
            let server = Server::start(Kind::Ours, &address, name(who), tls).await;
            let life = schedule.next_life();
            if !life.short {
                // One more, whatever is on its way.
                let fresh = ledger.sent();
                client.send(ledger.send(0).as_bytes()).await;
                hears(&client, || ledger.has_come_to(fresh)).await;
            }
            if schedule.is_over() && !life.short {
                over.set(true);
                hears(&client, || ledger.missing() == 0).await;
                return server;
            }
            sleep(life.length).await;
            server.kill().await;
            schedule.killed(&format!("server {who}, {life:?}"));
            sleep(life.pause).await;
            who += usize::from(life.stranger);
        }
    };
    let server = tokio::select! {
        ((), server) = async { tokio::join!(asking, killing) } => server,
        () = hearing => unreachable!("it hears for ever"),
    };
    drop(server);
    schedule.report(&ledger.summary());
}

/// Waits until the client has heard what it should, or tells what it says.
async fn hears(client: &Peer, mut enough: impl FnMut() -> bool) {
    let heard = async {
        while !enough() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    if timeout(PATIENCE, heard).await.is_err() {
        panic!(
            "not within {PATIENCE:?}; the client says\n{}",
            client.stderr()
        );
    }
}

macro_rules! cases {
    ($($name:ident: $version:expr, $tls:literal;)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            every_message_comes_back($version, $tls).await;
        }
    )+};
}

cases! {
    python_2019: Version::V2019, false;
    python_2019_by_tls: Version::V2019, true;
    python_2026: Version::V2026, false;
    python_2026_by_tls: Version::V2026, true;
}

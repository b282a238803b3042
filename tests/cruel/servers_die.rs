//! A client of ours that sends at-least-once to an echo server, which is killed
//! again and again.
//!
//! What is promised, and checked: every message comes back, at least once.
//!
//! - From a server of ours that acknowledges what it has handled, which is when
//!   the client has acknowledged the echo, by the library alone: the client
//!   sends each message once.
//! - A Python server acknowledges a message 20 ms after it has queued it, and
//!   sends the echo at-most-once. What it has acknowledged dies with it. So the
//!   client's application sends again what was not back when a server was
//!   killed, and only that: a message for which no server has died since it was
//!   sent comes back by the library alone, even if it was sent into a
//!   connection that was dead and nobody knew.
//!
//! And in each case: the client gives no message up, connects to each server
//! that is there long enough, and is at rest in the end, with all acknowledged.

use std::cell::Cell;
use std::time::Duration;

use aiomsg::Socket;
use tokio::time::sleep;

use crate::ledger::Ledger;
use crate::memory::Memory;
use crate::our_server::endpoint;
use crate::schedule::{Schedule, address};
use crate::server::{Certificates, Kind, Server, name};
use crate::support::python::Version;
use crate::{PATIENCE, until, within};

/// Messages at a time.
const BURST: usize = 8;

/// As many may be on their way. More than a slow machine can do in the time for
/// an acknowledgement would all be sent again, and make it slower.
const WINDOW: usize = 500;

/// Between two bursts.
const PAUSE: Duration = Duration::from_millis(2);

async fn every_message_comes_back(kind: Kind, tls: bool) {
    let mut schedule = Schedule::new(format!("server {kind:?}, tls {tls}"));
    let tls = tls.then(Certificates::new);
    let tls = tls.as_ref();
    let address = address();

    // A server may die young each time that a message is sent again to it. After five times the
    // message would be dropped, as documented; here none is to be.
    let mut builder = Socket::builder().at_least_once().max_resends(u32::MAX);
    if let Some(tls) = tls {
        builder = builder.tls(tls.ours("client", "server"));
    }
    let client = builder.build().unwrap();
    client.connect(endpoint(&address, tls.is_some())).unwrap();

    let (ledger, kills) = (Ledger::default(), Cell::new(0));
    let mut memory = Memory::default();
    let over = Cell::new(false);
    let asking = async {
        while !over.get() {
            let burst = if ledger.missing() < WINDOW { BURST } else { 0 };
            for _ in 0..burst {
                let message = ledger.send(kills.get());
                within("room", client.send(message)).await.unwrap();
            }
            sleep(PAUSE).await;
        }
    };
    let hearing = async {
        loop {
            ledger.is_back(&client.recv().await.unwrap());
        }
    };
    let killing = async {
        let mut who = 0;
        loop {
            let server = Server::start(kind, &address, name(who), tls).await;
            let life = schedule.next_life();
            if !life.short {
                // One more, whatever is on its way.
                let fresh = ledger.sent();
                client.send(ledger.send(kills.get())).await.unwrap();
                until("something new from the new server", || {
                    ledger.has_come_to(fresh)
                })
                .await;
                if kind != Kind::Ours {
                    for message in ledger.send_again(kills.get()) {
                        client.send(message).await.unwrap();
                    }
                }
            }
            if schedule.is_over() && !life.short {
                over.set(true);
                until("all that is missing", || ledger.missing() == 0).await;
                return server;
            }
            sleep(life.length).await;
            server.read_along().await;
            server.kill().await;
            kills.set(kills.get() + 1);
            schedule.killed(&format!("server {who}, {life:?}"));
            sleep(life.pause).await;
            who += usize::from(life.stranger);
            if schedule.is_warm() {
                memory.begin();
            }
        }
    };
    let server = tokio::select! {
        ((), server) = async { tokio::join!(asking, killing) } => server,
        () = hearing => unreachable!("it hears for ever"),
    };

    until("the last acknowledgements", || {
        client.stats().unacknowledged_messages == 0
    })
    .await;
    let stats = client.stats();
    assert_eq!(stats.dropped_messages, 0, "{:?}", stats.drops);
    let report = within("close", client.close(PATIENCE)).await;
    assert!(report.is_clean(), "{report:?}");
    drop(server);
    let memory = match schedule.is_long() {
        true => memory.end(),
        false => String::new(),
    };
    schedule.report(&format!("{}, {memory}", ledger.summary()));
}

macro_rules! cases {
    ($($name:ident: $kind:expr, $tls:literal;)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            every_message_comes_back($kind, $tls).await;
        }
    )+};
}

cases! {
    ours: Kind::Ours, false;
    ours_by_tls: Kind::Ours, true;
    python_2019: Kind::Python(Version::V2019), false;
    python_2019_by_tls: Kind::Python(Version::V2019), true;
    python_2026: Kind::Python(Version::V2026), false;
    python_2026_by_tls: Kind::Python(Version::V2026), true;
}

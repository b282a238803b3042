//! Producers and consumers of ours.

use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::ends::End;
use crate::ledger::Ledger;
#[cfg(feature = "jetstream")]
use crate::nats_server::Server;
use crate::proxy::{Place, Proxy};
use crate::running::PATIENCE;
use crate::schedule::Schedule;
use crate::{folder, kills, lives, soon};

#[derive(Debug, Clone, Copy)]
enum Victim {
    Producer,
    Proxy,
    Consumer,
    /// The server of the store.
    #[cfg(feature = "jetstream")]
    Server,
}

/// How often it is looked what has happened.
const STEP: Duration = Duration::from_millis(5);

async fn nothing_is_lost(tls: bool, victims: &[Victim]) -> Ledger {
    let folder = folder(tls);
    let place = Place::new(folder.path(), tls);
    let store = folder.path().join("producer");
    nothing_is_lost_at(&place, &store, victims, &mut || ()).await
}

/// `restart` is what a server of the store does when it is the victim.
#[cfg_attr(
    not(feature = "jetstream"),
    expect(unused_variables, reason = "no store has a server")
)]
async fn nothing_is_lost_at(
    place: &Place<'_>,
    store: &Path,
    victims: &[Victim],
    restart: &mut impl FnMut(),
) -> Ledger {
    let tls = place.certificates().is_some();
    let mut schedule = Schedule::new(format!("a spool, {victims:?} die, tls {tls}"));
    let mut ledger = Ledger::default();
    let mut proxy = Proxy::start(place).await;
    let mut producer = End::producer(place, store, 0);
    let mut consumer = End::consumer(place);
    while schedule.kills() < kills() {
        let life = schedule.next_life();
        let handled = ledger.handled();
        let since = Instant::now();
        while lives(life, since, handled, &ledger) {
            sleep(STEP).await;
            producer.note(&mut ledger).await;
            consumer.note(&mut ledger).await;
        }
        let victim = victims[schedule.pick(victims.len())];
        schedule.killed(&format!("{victim:?}, {life:?}"));
        match victim {
            Victim::Producer => {
                producer.kill(&mut ledger).await;
                sleep(soon(life.pause)).await;
                producer = End::producer(place, store, ledger.next);
            }
            Victim::Proxy => {
                proxy.kill();
                sleep(soon(life.pause)).await;
                proxy = Proxy::start(place).await;
            }
            Victim::Consumer => {
                consumer.kill(&mut ledger).await;
                sleep(soon(life.pause)).await;
                consumer = End::consumer(place);
            }
            #[cfg(feature = "jetstream")]
            Victim::Server => restart(),
        }
    }
    producer.end_empty(&mut ledger).await;
    let started = Instant::now();
    while !ledger.is_complete() {
        let lost = ledger.missing();
        assert!(
            started.elapsed() < PATIENCE,
            "{lost:?} are lost: {}",
            ledger.summary()
        );
        sleep(STEP).await;
        consumer.note(&mut ledger).await;
    }
    proxy.end_empty(place).await;
    // What came twice came before that.
    consumer.note(&mut ledger).await;
    assert!(ledger.is_true(), "a message was never sent");
    schedule.report(&ledger.summary());
    ledger
}

/// The consumer lives, and remembers what it has handled.
async fn each_message_is_handled_once(tls: bool) {
    let ledger = nothing_is_lost(tls, &[Victim::Producer, Victim::Proxy]).await;
    assert_eq!(ledger.doubled(), 0, "{}", ledger.summary());
}

/// The store is on a server, which dies as well.
#[cfg(feature = "jetstream")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_with_a_store_on_a_server() {
    let mut server = Server::start();
    let folder = folder(false);
    let place = Place::new(folder.path(), false).spool(format!("{}/jobs", server.url()));
    let store = folder.path().join("producer");
    let victims = [Victim::Producer, Victim::Proxy, Victim::Server];
    let mut restart = || {
        server.kill();
        server.restart();
    };
    let ledger = nothing_is_lost_at(&place, &store, &victims, &mut restart).await;
    assert_eq!(ledger.doubled(), 0, "{}", ledger.summary());
}

const ALL: [Victim; 3] = [Victim::Producer, Victim::Proxy, Victim::Consumer];

cases! {
    once: each_message_is_handled_once(false);
    once_by_tls: each_message_is_handled_once(true);
    at_least_once: nothing_is_lost(false, &ALL);
    at_least_once_by_tls: nothing_is_lost(true, &ALL);
}

//! Disks that are full, read-only or broken.

use std::path::Path;
use std::time::Duration;

use aiomsg_core::Error;
use aiomsg_spool::store::{Fate, Store, Usage};
use aiomsg_spool::{Embedded, Messages, Spool, SpoolError, SyncPolicy};

use crate::child::Shim;
use crate::common::{all, check_totals, entries, entry, file, next, numbers, open, rest, soon};
use crate::shim::Place;

#[test]
fn a_full_disk_refuses_messages_and_keeps_what_it_has() {
    Place::new().run("full batch");
}

#[test]
fn what_is_done_while_the_disk_is_full_is_written_when_room_returns() {
    Place::new().run("full fates");
}

#[test]
fn the_room_of_the_log_is_used_again_when_there_is_no_other() {
    Place::new().run("full log");
}

#[test]
fn a_disk_that_is_read_only_is_named_as_such() {
    Place::new().run("full readonly");
}

#[test]
fn a_store_whose_sync_has_failed_takes_nothing_until_it_is_opened_anew() {
    Place::new().run("full sync");
}

#[test]
fn and_so_does_one_whose_log_could_not_be_written_back() {
    Place::new().run("full back");
}

/// What a process does over the shim.
pub(crate) async fn child(shim: &Shim, kind: &str) {
    match kind {
        "batch" => batch(shim).await,
        "fates" => fates(shim).await,
        "log" => log(shim).await,
        "readonly" => readonly(shim).await,
        "sync" => sync(shim).await,
        "back" => back(shim).await,
        other => panic!("no such job: {other}"),
    }
}

/// Waits until the file of a store has this many messages.
async fn until_rows(folder: &Path, rows: i64) {
    let file = file(folder);
    let count = || -> i64 {
        let query = "SELECT count(*) FROM messages";
        file.query_row(query, [], |row| row.get(0)).unwrap()
    };
    let reached = async {
        while count() != rows {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reached)
        .await
        .unwrap();
}

async fn payloads(messages: &mut Messages, count: usize) -> Vec<String> {
    let mut payloads = Vec::new();
    while payloads.len() < count {
        let held = messages.next().await.unwrap();
        payloads.push(String::from_utf8_lossy(held.payload()).into_owned());
        held.done().await.unwrap();
    }
    payloads
}

async fn batch(shim: &Shim) {
    let spool = Spool::open(&shim.root).await.unwrap();
    for it in 0..20 {
        spool.append(it.to_string()).await.unwrap();
    }
    // Many at once, for which there is not enough room.
    shim.fill(&shim.root, 300_000);
    let callers = (0..64).map(|_| spool.append(vec![7; 30_000]));
    for refused in futures::future::join_all(callers).await {
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, SpoolError::DiskFull { .. }),
            "{refused:?}"
        );
        assert!(refused.is_full());
        assert!(Error::from(refused).is_limit());
    }
    assert_eq!(spool.stats().await.unwrap().waiting.messages, 20);

    shim.heal();
    spool.append("room").await.unwrap();
    spool.close().await.unwrap();
    let spool = Spool::open(&shim.root).await.unwrap();
    assert_eq!(spool.stats().await.unwrap().waiting.messages, 21);
    let mut expected: Vec<_> = (0..20).map(|it| it.to_string()).collect();
    expected.push("room".to_owned());
    let mut messages = spool.messages().unwrap();
    assert_eq!(payloads(&mut messages, 21).await, expected);
    spool.close().await.unwrap();
    check_totals(&shim.root);
}

async fn fates(shim: &Shim) {
    let spool = Spool::open(&shim.root).await.unwrap();
    for it in 0..100 {
        spool.append(it.to_string()).await.unwrap();
    }
    shim.fill(&shim.root, 0);
    let mut messages = spool.messages().unwrap();
    // It is not the consumer's fault.
    assert_eq!(payloads(&mut messages, 50).await.len(), 50);
    let refused = spool.append("no room").await.unwrap_err();
    assert!(refused.is_full(), "{refused:?}");
    assert_eq!(spool.stats().await.unwrap().waiting.messages, 100);

    shim.heal();
    // Nobody asks the store for anything meanwhile.
    until_rows(&shim.root, 50).await;
    assert_eq!(spool.stats().await.unwrap().waiting.messages, 50);
    spool.append("room").await.unwrap();
    let rest = payloads(&mut messages, 51).await;
    assert_eq!((rest[0].as_str(), rest[50].as_str()), ("50", "room"));
    spool.close().await.unwrap();
    check_totals(&shim.root);
}

async fn log(shim: &Shim) {
    let megabyte = |from: u64| {
        (from..from + 100)
            .map(|it| entry(it, vec![1; 10_000]))
            .collect()
    };
    let store = open(&shim.root);
    soon(store.append(megabyte(0))).await.unwrap();
    soon(store.append(megabyte(100))).await.unwrap();
    soon(store.close()).await.unwrap();

    // The pages of what is done are used again, so that the file need not grow.
    let store = Embedded::open(&shim.root, SyncPolicy::Always, None).unwrap();
    let done = next(&store, 150).await;
    soon(store.settle(all(&done, &Fate::Done))).await.unwrap();
    soon(store.append(megabyte(200))).await.unwrap();
    shim.fill(&shim.root, 0);
    soon(store.append(entries(300..310))).await.unwrap();
    shim.heal();
    soon(store.close()).await.unwrap();
    let store = open(&shim.root);
    let left = rest(&store).await;
    assert!(numbers(&left).into_iter().eq(150..310));
}

async fn readonly(shim: &Shim) {
    shim.fail("readonly");
    let fresh = Embedded::open(shim.root.join("new"), SyncPolicy::Always, None);
    assert!(
        matches!(fresh, Err(SpoolError::ReadOnly { .. })),
        "{fresh:?}"
    );
    shim.heal();
    let store = Embedded::open(&shim.root, SyncPolicy::Always, None).unwrap();
    soon(store.append(entries(0..10))).await.unwrap();
    shim.fail("readonly");
    let error = soon(store.append(entries([10]))).await.unwrap_err();
    assert!(!error.is_full(), "{error:?}");
    refuses_everything(&store).await;
    assert!(Embedded::open(shim.root.join("new"), SyncPolicy::Always, None).is_err());
    assert!(soon(store.close()).await.is_err());
    let again = Embedded::open(&shim.root, SyncPolicy::Always, None);
    assert!(
        matches!(again, Err(SpoolError::ReadOnly { .. })),
        "{again:?}"
    );
    shim.heal();
    holds(&shim.root, 0..10).await;
}

async fn sync(shim: &Shim) {
    let store = Embedded::open(&shim.root, SyncPolicy::Always, None).unwrap();
    soon(store.append(entries(0..10))).await.unwrap();
    shim.fail("fsync");
    let error = soon(store.append(entries([10]))).await.unwrap_err();
    assert!(matches!(error, SpoolError::Io { .. }), "{error:?}");
    // The next sync would succeed, and nobody knows of what.
    shim.heal();
    refuses_everything(&store).await;
    assert!(soon(store.close()).await.is_err());
    holds(&shim.root, 0..10).await;
}

async fn back(shim: &Shim) {
    let store = open(&shim.root);
    shim.fail("fsync");
    let mut stored = 0;
    let error = loop {
        // 32 MiB of log make it long.
        assert!(stored < 60);
        match soon(store.append(vec![entry(stored, vec![1; 1 << 20])])).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, SpoolError::Io { .. }), "{error:?}");
    assert!(stored > 20);
    shim.heal();
    refuses_everything(&store).await;
    assert!(soon(store.close()).await.is_err());
    holds(&shim.root, 0..stored).await;
}

async fn refuses_everything(store: &dyn Store) {
    assert!(soon(store.append(entries([11]))).await.is_err());
    assert!(soon(store.next(1)).await.is_err());
    assert!(soon(store.settle(Vec::new())).await.is_err());
    assert!(soon(store.shed(Usage::default())).await.is_err());
    assert!(soon(store.stats()).await.is_err());
}

/// Fails unless a store holds these messages. One that was refused may be there too: its
/// sender cannot know, and sends it again.
async fn holds(folder: &Path, messages: std::ops::Range<u64>) {
    let store = open(folder);
    let mut left = numbers(&rest(&store).await);
    left.retain(|it| messages.contains(it));
    assert!(left.into_iter().eq(messages));
    soon(store.append(entries([99]))).await.unwrap();
    soon(store.close()).await.unwrap();
    check_totals(folder);
}

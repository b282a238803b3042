//! Messages that wait too long are set aside.

use std::path::Path;
use std::time::{Duration, SystemTime};

use aiomsg_spool::store::{Entry, Fate, Store};
use aiomsg_spool::{Embedded, SyncPolicy};

use crate::common::{check_totals, dead, entries, next, numbers, open, settled, soon};

const HOUR: Duration = Duration::from_secs(3600);

fn open_for_an_hour(folder: &Path) -> Embedded {
    Embedded::open(folder, SyncPolicy::Os, Some(HOUR)).unwrap()
}

fn entries_of(numbers: std::ops::Range<u64>, age: Duration) -> Vec<Entry> {
    let mut entries = entries(numbers);
    for entry in &mut entries {
        entry.at = SystemTime::now() - age;
    }
    entries
}

async fn until_dead(store: &dyn Store, messages: u64) {
    let all = async {
        while store.stats().await.unwrap().dead.messages < messages {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all)
        .await
        .unwrap();
}

#[tokio::test]
async fn when_they_are_taken() {
    let folder = crate::common::folder();
    let store = open_for_an_hour(folder.path());
    let ask = store.next(10);
    let mut some = entries_of(0..3, HOUR * 2);
    some.extend(entries_of(3..6, HOUR / 2));
    soon(store.append(some)).await.unwrap();
    assert_eq!(numbers(&soon(ask).await.unwrap()), [3, 4, 5]);
    until_dead(&store, 3).await;
    soon(store.close()).await.unwrap();
    let reasons = dead(folder.path());
    assert!(
        reasons
            .iter()
            .all(|(_, it)| it == "it waited longer than a message may")
    );
    check_totals(folder.path());
}

#[tokio::test]
async fn when_nobody_takes_them() {
    let folder = crate::common::folder();
    let store = open_for_an_hour(folder.path());
    soon(store.append(entries_of(0..100, HOUR * 2)))
        .await
        .unwrap();
    soon(store.append(entries_of(100..110, HOUR / 2)))
        .await
        .unwrap();
    until_dead(&store, 100).await;
    assert_eq!(soon(store.stats()).await.unwrap().waiting.messages, 10);
}

#[tokio::test]
async fn when_nobody_takes_those_of_the_file() {
    let folder = crate::common::folder();
    {
        let store = open(folder.path());
        soon(store.append(entries_of(0..3000, HOUR * 2)))
            .await
            .unwrap();
        soon(store.append(entries_of(3000..3010, HOUR / 2)))
            .await
            .unwrap();
        soon(store.close()).await.unwrap();
    }
    let store = open_for_an_hour(folder.path());
    until_dead(&store, 3000).await;
    assert!(numbers(&next(&store, 100).await).into_iter().eq(3000..3010));
}

#[tokio::test]
async fn and_those_behind_them_are_given_out_at_once() {
    let folder = crate::common::folder();
    {
        let store = open(folder.path());
        soon(store.append(entries_of(0..5000, HOUR * 2)))
            .await
            .unwrap();
        soon(store.append(entries_of(5000..5010, HOUR / 2)))
            .await
            .unwrap();
        soon(store.close()).await.unwrap();
    }
    let store = open_for_an_hour(folder.path());
    // A few at a time, all of which are old.
    assert_eq!(numbers(&next(&store, 2).await), [5000, 5001]);
}

#[tokio::test]
async fn when_they_come_back() {
    let folder = crate::common::folder();
    let age = Duration::from_millis(300);
    let store = Embedded::open(folder.path(), SyncPolicy::Os, Some(age)).unwrap();
    soon(store.append(entries_of(0..2, Duration::ZERO)))
        .await
        .unwrap();
    let stored = next(&store, 2).await;
    tokio::time::sleep(age).await;
    // What is given out is not too old until it comes back.
    assert_eq!(soon(store.stats()).await.unwrap().dead.messages, 0);
    soon(store.settle(settled(&stored[0], Fate::Returned)))
        .await
        .unwrap();
    until_dead(&store, 1).await;
    soon(store.settle(settled(&stored[1], Fate::Done)))
        .await
        .unwrap();
    assert_eq!(soon(store.stats()).await.unwrap().waiting.messages, 0);
}

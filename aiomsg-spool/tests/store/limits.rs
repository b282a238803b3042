//! A store that is full, and what the overflow rule does.

use std::time::Duration;

use aiomsg_layers::Overflow;
use aiomsg_spool::store::{Store, Usage};
use aiomsg_spool::{Spool, SpoolBuilder, SpoolError, SyncPolicy};

use crate::common::{check_totals, entries, next, numbers, open, rest, soon};

fn builder(overflow: Overflow) -> SpoolBuilder {
    Spool::builder()
        .sync(SyncPolicy::Os)
        .max_messages(10)
        .overflow(overflow)
}

async fn payloads(spool: &Spool) -> Vec<String> {
    let waiting = spool.stats().await.unwrap().waiting.messages;
    let mut messages = spool.messages().unwrap();
    let mut payloads = Vec::new();
    for _ in 0..waiting {
        let held = messages.next().await.unwrap();
        payloads.push(String::from_utf8_lossy(held.payload()).into_owned());
        held.done().await.unwrap();
    }
    payloads
}

fn texts(numbers: std::ops::Range<u64>) -> Vec<String> {
    numbers.map(|it| it.to_string()).collect()
}

#[tokio::test]
async fn the_oldest_are_shed_and_not_those_that_are_given_out() {
    let folder = crate::common::folder();
    let store = open(folder.path());
    soon(store.append(entries(0..30_000))).await.unwrap();
    assert_eq!(next(&store, 10).await.len(), 10);
    let most = |messages| Usage {
        messages,
        bytes: u64::MAX,
    };
    let shed = soon(store.shed(most(29_990))).await.unwrap();
    assert_eq!((shed.dropped, shed.left.messages), (10, 29_990));
    assert_eq!(numbers(&next(&store, 2).await), [20, 21]);
    // Beyond what is in memory.
    let shed = soon(store.shed(most(1000))).await.unwrap();
    assert_eq!((shed.dropped, shed.left.messages), (28_990, 1000));
    let left = rest(&store).await;
    assert!(numbers(&left).into_iter().eq(29_012..30_000));
    // All that is left is given out.
    assert_eq!(soon(store.shed(most(0))).await.unwrap().dropped, 0);
    soon(store.close()).await.unwrap();
    check_totals(folder.path());
}

#[tokio::test]
async fn as_many_are_shed_as_the_bytes_take() {
    let folder = crate::common::folder();
    let store = open(folder.path());
    let entry = |it| crate::common::entry(it, vec![0; 1000]);
    soon(store.append((0..20).map(entry).collect()))
        .await
        .unwrap();
    let most = Usage {
        messages: 100,
        bytes: 4500,
    };
    let shed = soon(store.shed(most)).await.unwrap();
    assert_eq!((shed.dropped, shed.left.bytes), (16, 4000));
    soon(store.append(vec![entry(20)])).await.unwrap();
    assert_eq!(numbers(&next(&store, 20).await), [16, 17, 18, 19, 20]);
}

#[tokio::test]
async fn drop_oldest() {
    let folder = crate::common::folder();
    let spool = builder(Overflow::DropOldest)
        .open(folder.path())
        .await
        .unwrap();
    for it in 0..25 {
        spool.append(it.to_string()).await.unwrap();
    }
    assert_eq!(spool.dropped(), 15);
    assert_eq!(payloads(&spool).await, texts(15..25));
}

#[tokio::test]
async fn keep_newest() {
    let folder = crate::common::folder();
    let spool = builder(Overflow::KeepNewest)
        .open(folder.path())
        .await
        .unwrap();
    for it in 0..25 {
        spool.append(it.to_string()).await.unwrap();
    }
    assert_eq!(spool.dropped(), 20);
    assert_eq!(payloads(&spool).await, texts(20..25));
}

#[tokio::test]
async fn refuse_newest() {
    let folder = crate::common::folder();
    let spool = builder(Overflow::RefuseNewest)
        .open(folder.path())
        .await
        .unwrap();
    for it in 0..10 {
        spool.append(it.to_string()).await.unwrap();
    }
    let refused = spool.append("one too many").await.unwrap_err();
    assert!(matches!(refused, SpoolError::Full { .. }), "{refused}");
    assert!(refused.is_full());
    assert_eq!(payloads(&spool).await, texts(0..10));
    spool.append("room").await.unwrap();
}

#[tokio::test]
async fn wait() {
    let folder = crate::common::folder();
    let spool = builder(Overflow::Wait).open(folder.path()).await.unwrap();
    for it in 0..10 {
        spool.append(it.to_string()).await.unwrap();
    }
    let late = spool.append("late");
    tokio::pin!(late);
    let early = tokio::time::timeout(Duration::from_millis(50), &mut late).await;
    assert!(early.is_err());
    let mut messages = spool.messages().unwrap();
    messages.next().await.unwrap().done().await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), late)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(spool.stats().await.unwrap().waiting.messages, 10);
}

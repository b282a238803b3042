//! Each message is given out once.

use std::time::Duration;

use aiomsg_spool::SpoolError;
use aiomsg_spool::store::{Fate, Store};

use crate::common::{all, entries, next, numbers, open, soon};

#[tokio::test]
async fn to_several_that_ask() {
    let folder = crate::common::folder();
    let store = open(folder.path());
    let asks: Vec<_> = (0..10).map(|_| store.next(3)).collect();
    soon(store.append(entries(0..25))).await.unwrap();
    let mut came = Vec::new();
    for ask in asks.into_iter().take(9) {
        came.extend(numbers(&soon(ask).await.unwrap()));
    }
    assert!(came.into_iter().eq(0..25));
}

#[tokio::test]
async fn and_waits_until_there_is_one() {
    let folder = crate::common::folder();
    let store = open(folder.path());
    let mut ask = store.next(5);
    let early = tokio::time::timeout(Duration::from_millis(50), &mut ask).await;
    assert!(early.is_err());
    soon(store.append(entries([7]))).await.unwrap();
    assert_eq!(numbers(&soon(ask).await.unwrap()), [7]);
}

#[tokio::test]
async fn and_those_who_ask_and_go_take_none_away() {
    let folder = crate::common::folder();
    let store = open(folder.path());
    // Gone before there is one, and gone with an answer under way.
    drop(store.next(5));
    soon(store.append(entries(0..100))).await.unwrap();
    let asks: Vec<_> = (0..10).map(|_| store.next(5)).collect();
    while soon(store.stats()).await.unwrap().given_out < 50 {}
    drop(asks);
    let mut came = Vec::new();
    while came.len() < 100 {
        came.extend(numbers(&next(&store, 30).await));
    }
    assert!(came.into_iter().eq(0..100));
}

#[tokio::test]
async fn until_the_store_is_closed() {
    let folder = crate::common::folder();
    let store = open(folder.path());
    let ask = store.next(5);
    soon(store.close()).await.unwrap();
    assert!(matches!(soon(ask).await, Err(SpoolError::Closed)));
    let late = soon(store.append(entries([1]))).await;
    assert!(matches!(late, Err(SpoolError::Closed)));
}

#[tokio::test]
async fn and_a_fate_counts_once() {
    let folder = crate::common::folder();
    let store = open(folder.path());
    soon(store.append(entries(0..10))).await.unwrap();
    let stored = next(&store, 5).await;
    for _ in 0..3 {
        soon(store.settle(all(&stored, &Fate::Done))).await.unwrap();
    }
    // Not given out yet: nobody can say what became of them.
    let others: Vec<_> = (6..=10)
        .map(|seq| aiomsg_spool::store::Settled {
            seq,
            fate: Fate::Done,
        })
        .collect();
    soon(store.settle(others)).await.unwrap();
    let stats = soon(store.stats()).await.unwrap();
    assert_eq!((stats.waiting.messages, stats.given_out), (5, 0));
    assert_eq!(numbers(&next(&store, 9).await), [5, 6, 7, 8, 9]);
}

//! What a store holds after it was opened anew.

use aiomsg_spool::store::{Fate, Store};

use crate::common::{all, check_totals, entries, next, numbers, open, settled, soon};

#[tokio::test]
async fn messages_with_their_ids_their_peers_and_their_times() {
    let folder = crate::common::folder();
    let before = {
        let store = open(folder.path());
        soon(store.append(entries(0..50))).await.unwrap();
        let stored = next(&store, 50).await;
        soon(store.close()).await.unwrap();
        stored
    };
    let store = open(folder.path());
    assert_eq!(next(&store, 50).await, before);
    assert!(before.iter().any(|it| it.entry.peer.is_some()));
}

#[tokio::test]
async fn tries() {
    let folder = crate::common::folder();
    for tries in 0..4 {
        let store = open(folder.path());
        if tries == 0 {
            soon(store.append(entries([5, 6]))).await.unwrap();
        }
        let stored = next(&store, 2).await;
        assert_eq!(numbers(&stored), [5, 6]);
        assert_eq!([stored[0].tries, stored[1].tries], [tries, 0]);
        soon(store.settle(settled(&stored[0], Fate::Failed)))
            .await
            .unwrap();
        soon(store.settle(settled(&stored[1], Fate::Returned)))
            .await
            .unwrap();
        soon(store.close()).await.unwrap();
    }
}

#[tokio::test]
async fn places_that_were_never_used_before() {
    let folder = crate::common::folder();
    let mut last = 0;
    for _ in 0..5 {
        let store = open(folder.path());
        soon(store.append(entries(0..3))).await.unwrap();
        let stored = next(&store, 3).await;
        for it in &stored {
            assert!(it.seq > last);
            last = it.seq;
        }
        soon(store.settle(all(&stored, &Fate::Done))).await.unwrap();
        soon(store.close()).await.unwrap();
        check_totals(folder.path());
    }
}

#[tokio::test]
async fn free_pages_are_given_back() {
    let folder = crate::common::folder();
    let store = open(folder.path());
    let payload = |it| crate::common::entry(it, vec![1; 100_000]);
    soon(store.append((0..100).map(payload).collect()))
        .await
        .unwrap();
    let stored = next(&store, 100).await;
    soon(store.settle(all(&stored, &Fate::Done))).await.unwrap();
    soon(store.close()).await.unwrap();
    let store = open(folder.path());
    let stats = soon(store.stats()).await.unwrap();
    assert_eq!(stats.waiting.messages, 0);
    assert!(stats.disk_bytes < 200_000, "{stats:?}");
}

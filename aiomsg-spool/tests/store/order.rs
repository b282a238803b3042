//! Messages come out in the order in which they came.

use aiomsg_spool::store::{Fate, Store};

use crate::common::{all, entries, entry, next, number, numbers, open, rest, soon};

#[tokio::test]
async fn of_one_caller_and_of_many() {
    let folder = crate::common::folder();
    let store = open(folder.path());
    // Not awaited one by one: they are one group, or a few.
    let appends: Vec<_> = (0..100)
        .map(|it| store.append(entries(it * 10..it * 10 + 10)))
        .collect();
    for append in appends {
        soon(append).await.unwrap();
    }
    let mut came = Vec::new();
    while came.len() < 1000 {
        came.extend(numbers(&next(&store, 7).await));
    }
    assert!(came.iter().copied().eq(0..1000));
}

#[tokio::test]
async fn with_more_messages_than_the_memory_holds() {
    let folder = crate::common::folder();
    let store = open(folder.path());
    let all_of_them = 40_000;
    for from in (0..all_of_them).step_by(10_000) {
        soon(store.append(entries(from..from + 10_000)))
            .await
            .unwrap();
    }
    // More come while these are read.
    let mut came = Vec::new();
    for from in (all_of_them..all_of_them + 10_000).step_by(1000) {
        came.extend(numbers(&next(&store, 3000).await));
        soon(store.append(entries(from..from + 1000)))
            .await
            .unwrap();
    }
    came.extend(numbers(&rest(&store).await));
    assert!(came.iter().copied().eq(0..all_of_them + 10_000));
    let stats = soon(store.stats()).await.unwrap();
    assert_eq!(stats.waiting.messages, all_of_them + 10_000);
    assert_eq!(stats.given_out, all_of_them + 10_000);
}

#[tokio::test]
async fn with_more_bytes_than_the_memory_holds() {
    let folder = crate::common::folder();
    let store = open(folder.path());
    let payload = |it: u64| vec![it.to_le_bytes()[0]; 1 << 20];
    for it in 0..40 {
        soon(store.append(vec![entry(it, payload(it))]))
            .await
            .unwrap();
    }
    let mut came = 0;
    while came < 40 {
        for stored in next(&store, 100).await {
            assert_eq!(number(&stored), came);
            assert_eq!(stored.entry, entry(came, payload(came)));
            came += 1;
        }
    }
}

#[tokio::test]
async fn when_the_memory_is_empty_and_full_in_turn() {
    let folder = crate::common::folder();
    let store = open(folder.path());
    let (mut sent, mut came) = (0, 0);
    for (more, taken) in [
        (5, 5),
        (20_000, 3),
        (5, 19_000),
        (1, 1003),
        (2, 2),
        (18_000, 18_000),
    ] {
        soon(store.append(entries(sent..sent + more)))
            .await
            .unwrap();
        sent += more;
        let until = came + taken;
        while came < until {
            let most = usize::try_from(until - came).unwrap();
            let stored = next(&store, most).await;
            for stored in &stored {
                assert_eq!(number(stored), came);
                came += 1;
            }
            soon(store.settle(all(&stored, &Fate::Done))).await.unwrap();
        }
    }
    assert_eq!(came, sent);
    assert_eq!(soon(store.stats()).await.unwrap().waiting.messages, 0);
}

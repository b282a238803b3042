//! What becomes of messages that were given out.

use aiomsg_spool::store::{Fate, Store, Usage};

use crate::common::{check_totals, dead, entries, next, numbers, open, settled, soon};

#[tokio::test]
async fn done_failed_returned_and_dead() {
    let folder = crate::common::folder();
    let store = open(folder.path());
    soon(store.append(entries(10..14))).await.unwrap();
    let stored = next(&store, 4).await;
    let fates = [
        Fate::Done,
        Fate::Failed,
        Fate::Returned,
        Fate::Dead("nobody wants it".to_owned()),
    ];
    for (stored, fate) in stored.iter().zip(fates) {
        soon(store.settle(settled(stored, fate))).await.unwrap();
    }
    let again = next(&store, 4).await;
    assert_eq!(numbers(&again), [11, 12]);
    assert_eq!([again[0].tries, again[1].tries], [1, 0]);
    assert_eq!(again[0].entry, stored[1].entry);

    let stats = soon(store.stats()).await.unwrap();
    let two = |messages, bytes| Usage { messages, bytes };
    assert_eq!(stats.waiting, two(2, 4));
    assert_eq!(stats.dead, two(1, 2));
    assert_eq!(stats.given_out, 2);
    assert_eq!(stats.oldest, Some(stored[1].entry.at));
    soon(store.close()).await.unwrap();
    let letters = dead(folder.path());
    assert_eq!(letters, [(stored[3].seq, "nobody wants it".to_owned())]);
    check_totals(folder.path());
}

#[tokio::test]
async fn all_at_once_and_out_of_order() {
    let folder = crate::common::folder();
    let store = open(folder.path());
    soon(store.append(entries(0..1000))).await.unwrap();
    let mut stored = next(&store, 1000).await;
    fastrand::Rng::with_seed(19).shuffle(&mut stored);
    let (done, failed) = stored.split_at(600);
    let mut fates: Vec<_> = done.iter().flat_map(|it| settled(it, Fate::Done)).collect();
    fates.extend(failed.iter().flat_map(|it| settled(it, Fate::Failed)));
    let usage = soon(store.settle(fates)).await.unwrap();
    assert_eq!(usage.messages, 400);
    let again = next(&store, 1000).await;
    assert_eq!(numbers(&again), numbers(failed));
    assert!(again.iter().all(|it| it.tries == 1));
    soon(store.close()).await.unwrap();
    check_totals(folder.path());
}

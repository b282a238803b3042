//! Free room in the file, which is given back to the system.

use aiomsg_spool::inspect::{Mender, Part};
use aiomsg_spool::store::Store;

use crate::common::{check_totals, entry, file, folder, open, soon};

/// A closed store of so many messages of 64 KiB.
async fn full_store(folder: &std::path::Path, count: u64) {
    let store = open(folder);
    let entries = (0..count).map(|it| entry(it, vec![0; 64 << 10]));
    soon(store.append(entries.collect())).await.unwrap();
    soon(store.close()).await.unwrap();
}

#[tokio::test]
async fn a_file_that_keeps_its_free_room_is_closed_all_the_same() {
    let folder = folder();
    full_store(folder.path(), 20).await;
    let rewrite = "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM";
    file(folder.path()).execute_batch(rewrite).unwrap();
    let mut mender = Mender::open(folder.path()).unwrap();
    let places: Vec<_> = (1..=20).collect();
    let purged = mender.purge(Part::Waiting, &places).unwrap();
    assert_eq!(purged.changed.messages, 20);
    mender.close().unwrap();
    let free = "PRAGMA freelist_count";
    let free: i64 = file(folder.path())
        .query_row(free, [], |row| row.get(0))
        .unwrap();
    assert!(free > 100, "{free}");
    check_totals(folder.path());
}

#[tokio::test]
async fn all_of_it_is_given_back_when_a_store_is_mended() {
    let folder = folder();
    full_store(folder.path(), 300).await;
    let size = || folder.path().join("spool.db").metadata().unwrap().len();
    assert!(size() > 16 << 20, "more than one step gives back");
    let mut mender = Mender::open(folder.path()).unwrap();
    let mut places: Vec<_> = (1..=300).collect();
    while !places.is_empty() {
        let step = mender.purge(Part::Waiting, &places).unwrap();
        places.drain(..step.dealt);
    }
    mender.close().unwrap();
    assert!(size() < 1 << 20, "{}", size());
    check_totals(folder.path());
}

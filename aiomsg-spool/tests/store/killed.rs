//! A store whose process is killed.

use std::time::Duration;

use aiomsg_spool::store::Store;
use aiomsg_spool::{Embedded, SpoolError, SyncPolicy};

use crate::child::Shim;
use crate::common::{entries, next, numbers, open, soon};
use crate::shim::Place;

/// Holds a store, for a minute at most.
pub(crate) async fn child(shim: &Shim) {
    let store = open(&shim.root);
    soon(store.append(entries(0..1000))).await.unwrap();
    std::fs::write(&shim.marks, "waited\n").unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[tokio::test]
async fn is_named_while_it_lives_and_free_when_it_is_dead() {
    let place = Place::new();
    let mut process = place.start("hold it");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !place.marks().exists() {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let error = Embedded::open(place.root(), SyncPolicy::Os, None).unwrap_err();
    let SpoolError::InUse { owner, .. } = &error else {
        panic!("{error:?}");
    };
    let program = std::env::current_exe().unwrap();
    let program = program.file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(*owner, format!("{program} (process {})", process.id()));
    assert!(error.to_string().ends_with(owner));

    process.kill().unwrap();
    process.wait().unwrap();
    let store = open(&place.root());
    let left = next(&store, 2000).await;
    assert!(numbers(&left).into_iter().eq(0..1000));
}

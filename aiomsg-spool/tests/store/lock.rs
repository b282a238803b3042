//! One process for each store.

use aiomsg_spool::store::Store;
use aiomsg_spool::{Embedded, SpoolError, SyncPolicy};

use crate::common::{entries, open, soon};

#[tokio::test]
async fn the_same_process_cannot_open_a_store_twice() {
    let folder = crate::common::folder();
    let store = open(folder.path());
    let error = Embedded::open(folder.path(), SyncPolicy::Os, None).unwrap_err();
    let SpoolError::InUse { path, owner } = error else {
        panic!("{error:?}");
    };
    assert_eq!(path, folder.path());
    assert!(
        owner.ends_with(&format!("(process {})", std::process::id())),
        "{owner}"
    );
    soon(store.append(entries([1]))).await.unwrap();
    soon(store.close()).await.unwrap();
    open(folder.path());
}

#[tokio::test]
async fn a_store_is_free_when_its_close_is_done() {
    let folder = crate::common::folder();
    for _ in 0..20 {
        let store = open(folder.path());
        soon(store.append(entries([1]))).await.unwrap();
        soon(store.close()).await.unwrap();
    }
}

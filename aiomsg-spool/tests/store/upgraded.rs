//! Stores of the first version, whose messages have no headers.

use std::path::Path;

use aiomsg_core::Headers;
use aiomsg_spool::inspect::{Inspector, Mender, Part, Problem};
use aiomsg_spool::store::{Fate, Store, Stored};
use rusqlite::Connection;

use crate::common::{all, check_totals, entry, file, next, numbers, open, soon};

/// A folder with a store of the first version: jobs 1 to 4 wait, and job 5 is dead.
fn old_store() -> tempfile::TempDir {
    let folder = crate::common::folder();
    let file = file(folder.path());
    file.pragma_update(None, "journal_mode", "WAL").unwrap();
    file.execute_batch(include_str!("version_1.sql")).unwrap();
    folder
}

fn problems(inspector: &Inspector) -> Vec<Problem> {
    let mut problems = Vec::new();
    inspector.verify(&mut |it| problems.push(it)).unwrap();
    problems
}

fn payloads(stored: &[Stored]) -> Vec<String> {
    let text = |it: &Stored| String::from_utf8(it.entry.payload.to_vec()).unwrap();
    stored.iter().map(text).collect()
}

fn version(folder: &Path) -> i64 {
    Inspector::open(folder).unwrap().stats().unwrap().version
}

#[test]
fn are_read_as_they_are() {
    let folder = old_store();
    let path = folder.path().join("spool.db");
    let before = std::fs::read(&path).unwrap();
    let inspector = Inspector::open(folder.path()).unwrap();
    assert_eq!(inspector.stats().unwrap().version, 1);
    let listed = inspector.list(Part::Waiting, 0, 100).unwrap();
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().all(|it| it.headers.is_empty()));
    let (part, dead) = inspector.message(5).unwrap().unwrap();
    assert_eq!((part, &dead.payload[..]), (Part::Dead, &b"job 5"[..]));
    assert!(dead.is_intact);
    assert_eq!(problems(&inspector), []);
    drop(inspector);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn are_upgraded_when_they_are_opened_to_write() {
    let folder = old_store();
    // It reads on while the store becomes another one.
    let inspector = Inspector::open(folder.path()).unwrap();
    assert_eq!(inspector.list(Part::Waiting, 0, 9).unwrap().len(), 4);
    let store = open(folder.path());
    let mut new = entry(6, "job 6");
    new.headers = Headers::new();
    new.headers.insert("priority", "high").unwrap();
    soon(store.append(vec![new.clone()])).await.unwrap();
    let stored = next(&store, 9).await;
    assert_eq!(
        payloads(&stored),
        ["job 1", "job 2", "job 3", "job 4", "job 6"]
    );
    assert_eq!(stored[3].tries, 3);
    assert!(stored[..4].iter().all(|it| it.entry.headers.is_empty()));
    assert_eq!(stored[4].entry, new);
    let listed = inspector.list(Part::Waiting, 4, 9).unwrap();
    assert_eq!(listed[0].headers, new.headers);
    assert_eq!(problems(&inspector), []);
    drop(inspector);

    soon(store.settle(all(&stored[..4], &Fate::Done)))
        .await
        .unwrap();
    soon(store.close()).await.unwrap();
    check_totals(folder.path());
    assert_eq!(version(folder.path()), 2);
    let store = open(folder.path());
    assert_eq!(next(&store, 9).await[0].entry, new);
}

#[tokio::test]
async fn keep_their_dead_letters() {
    let folder = old_store();
    let mut mender = Mender::open(folder.path()).unwrap();
    assert_eq!(mender.requeue(&[5]).unwrap().changed.messages, 1);
    mender.close().unwrap();
    let store = open(folder.path());
    assert_eq!(numbers(&next(&store, 9).await), [1, 2, 3, 4, 5]);
    soon(store.close()).await.unwrap();
    check_totals(folder.path());
}

/// A process is killed between two steps of the upgrade, which are one transaction.
#[tokio::test]
async fn are_whole_when_their_upgrade_was_interrupted() {
    let steps = [
        "BEGIN IMMEDIATE",
        "ALTER TABLE messages ADD COLUMN headers BLOB",
        "ALTER TABLE dead ADD COLUMN headers BLOB",
        "PRAGMA user_version = 2",
        "COMMIT",
    ];
    for done in 0..=steps.len() {
        let folder = old_store();
        let upgrading = file(folder.path());
        // What is changed goes to the log at once.
        upgrading.pragma_update(None, "cache_size", 1).unwrap();
        upgrading.pragma_update(None, "cache_spill", 1).unwrap();
        for step in &steps[..done] {
            upgrading.execute_batch(step).unwrap();
        }
        let left = as_a_kill_leaves_it(folder.path(), &upgrading);
        let committed = if done == steps.len() { 2 } else { 1 };
        assert_eq!(version(left.path()), committed, "{done} steps");
        let store = open(left.path());
        assert_eq!(numbers(&next(&store, 9).await), [1, 2, 3, 4]);
        soon(store.close()).await.unwrap();
        assert_eq!(version(left.path()), 2, "{done} steps");
        check_totals(left.path());
    }
}

/// A copy of the files of a store, while its writer has them.
fn as_a_kill_leaves_it(folder: &Path, _writer: &Connection) -> tempfile::TempDir {
    let copy = crate::common::folder();
    for name in ["spool.db", "spool.db-wal"] {
        if folder.join(name).exists() {
            std::fs::copy(folder.join(name), copy.path().join(name)).unwrap();
        }
    }
    copy
}

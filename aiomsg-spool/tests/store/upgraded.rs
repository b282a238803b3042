//! Stores of the first version, whose messages have no headers.

use std::path::Path;

use aiomsg_core::Headers;
use aiomsg_spool::SpoolError;
use aiomsg_spool::inspect::{Inspector, Mender, Part, Problem};
use aiomsg_spool::store::{Fate, Store, Stored};
use rusqlite::Connection;

use crate::common::{all, check_totals, damage_root, dead, entry, file, next, numbers, open, soon};

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

/// Flips a bit in the file: a payload is text then, which its table may not hold.
fn damage_type(folder: &Path, number: u8) {
    let path = folder.join("spool.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let mut id = [0; 16];
    id[7] = number;
    let at = bytes.windows(16).position(|it| it == id).unwrap();
    // The types of a row are before its first value. Behind that of the payload are those of
    // `died` and `reason`, if it is a dead letter.
    let kind = at - if number == 5 { 3 } else { 1 };
    assert_eq!(bytes[kind], 12 + 2 * 5, "a blob of 5 bytes");
    bytes[kind] ^= 1;
    std::fs::write(path, bytes).unwrap();
    let kind: String = file(folder)
        .query_row(
            "SELECT typeof(payload) FROM \
             (SELECT * FROM messages UNION ALL SELECT seq, id, at, peer, tries, crc, payload FROM dead) \
             WHERE seq = ?",
            [number],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(kind, "text");
}

/// A column more in its table made SQLite check each row, and one made the whole store
/// impossible to open.
#[tokio::test]
async fn are_upgraded_with_a_damaged_message_which_is_set_aside() {
    let folder = old_store();
    damage_type(folder.path(), 3);
    let store = open(folder.path());
    assert_eq!(numbers(&next(&store, 9).await), [1, 2, 4]);
    soon(store.append(vec![entry(10, "job 10")])).await.unwrap();
    assert_eq!(numbers(&next(&store, 9).await), [10]);
    soon(store.close()).await.unwrap();
    let reasons = [
        (3, "its bytes are not those that were stored".to_owned()),
        (5, "it failed".to_owned()),
    ];
    assert_eq!(dead(folder.path()), reasons);
    assert_eq!(version(folder.path()), 2);
    check_totals(folder.path());
}

/// It was said to fail a constraint, and not which message did.
#[tokio::test]
async fn name_the_dead_letter_that_cannot_be_put_back() {
    let folder = old_store();
    damage_type(folder.path(), 5);
    let mut mender = Mender::open(folder.path()).unwrap();
    let error = mender.requeue(&[5]).unwrap_err();
    let SpoolError::Damaged { source, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(source.to_string().contains("at place 5"), "{source}");
    assert_eq!(mender.purge(Part::Dead, &[5]).unwrap().changed.messages, 1);
    mender.close().unwrap();
    check_totals(folder.path());
}

/// A dead letter was said to be at fault, which could then be deleted.
#[tokio::test]
async fn blame_no_dead_letter_for_the_page_that_it_is_to_be_put_on() {
    let folder = old_store();
    damage_root(folder.path(), "messages");
    let mut mender = Mender::open(folder.path()).unwrap();
    let error = mender.requeue(&[5]).unwrap_err();
    let SpoolError::Damaged { source, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(!source.to_string().contains("place"), "{source}");
}

#[tokio::test]
async fn are_mended_with_a_damaged_message() {
    let folder = old_store();
    damage_type(folder.path(), 3);
    let mut mender = Mender::open(folder.path()).unwrap();
    assert_eq!(mender.requeue(&[5]).unwrap().changed.messages, 1);
    let purged = mender.purge(Part::Waiting, &[3]).unwrap();
    assert_eq!(purged.changed.messages, 1);
    mender.close().unwrap();
    check_totals(folder.path());
    let store = open(folder.path());
    assert_eq!(numbers(&next(&store, 9).await), [1, 2, 4, 5]);
    soon(store.close()).await.unwrap();
}

#[tokio::test]
async fn are_upgraded_with_a_damaged_dead_letter() {
    let folder = old_store();
    damage_type(folder.path(), 5);
    let store = open(folder.path());
    assert_eq!(numbers(&next(&store, 9).await), [1, 2, 3, 4]);
    soon(store.close()).await.unwrap();
    assert_eq!(version(folder.path()), 2);
    let mut mender = Mender::open(folder.path()).unwrap();
    assert_eq!(mender.purge(Part::Dead, &[5]).unwrap().changed.messages, 1);
    mender.close().unwrap();
    check_totals(folder.path());
}

/// A page of messages that cannot be read shows that the upgrade reads none.
#[tokio::test]
async fn are_upgraded_without_reading_their_messages() {
    let folder = old_store();
    damage_root(folder.path(), "messages");
    let store = open(folder.path());
    assert_eq!(version(folder.path()), 2);
    let waiting = soon(store.stats()).await.unwrap().waiting;
    assert_eq!(waiting.messages, 4);
}

/// They follow their message from part to part.
#[tokio::test]
async fn keep_the_headers_of_new_messages_until_those_are_gone() {
    let folder = old_store();
    let count = |folder: &Path| -> Vec<i64> {
        let file = file(folder);
        let mut rows = file
            .prepare("SELECT seq FROM headers ORDER BY seq")
            .unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let store = open(folder.path());
    // Places 6 to 8: entry 10 has headers, the others have none.
    let new = [9, 10, 11].map(|it| entry(it, "new"));
    soon(store.append(new.to_vec())).await.unwrap();
    assert_eq!(count(folder.path()), [7]);
    let stored = next(&store, 9).await;
    let fate = Fate::Dead("test".to_owned());
    soon(store.settle(all(&stored[4..], &fate))).await.unwrap();
    soon(store.close()).await.unwrap();
    assert_eq!(count(folder.path()), [7]);
    check_totals(folder.path());

    let mut mender = Mender::open(folder.path()).unwrap();
    let (part, message) = mender.inspector().message(7).unwrap().unwrap();
    assert_eq!((part, &message.headers), (Part::Dead, &new[1].headers));
    assert!(message.is_intact);
    assert_eq!(mender.requeue(&[6, 7]).unwrap().changed.messages, 2);
    mender.close().unwrap();
    assert_eq!(count(folder.path()), [10]);
    check_totals(folder.path());

    let store = open(folder.path());
    let stored = next(&store, 9).await;
    assert_eq!(numbers(&stored), [1, 2, 3, 4, 9, 10]);
    assert_eq!(stored[5].entry.headers, new[1].headers);
    soon(store.settle(all(&stored, &Fate::Done))).await.unwrap();
    soon(store.close()).await.unwrap();
    assert!(count(folder.path()).is_empty());
    check_totals(folder.path());
}

/// A process is killed between two steps of the upgrade, which are one transaction.
#[tokio::test]
async fn are_whole_when_their_upgrade_was_interrupted() {
    let steps = [
        "BEGIN IMMEDIATE",
        "CREATE TABLE headers (seq INTEGER PRIMARY KEY, headers BLOB NOT NULL) STRICT",
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

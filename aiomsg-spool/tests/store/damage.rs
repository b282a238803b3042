//! Files that are damaged, cut, from a later version, or something else.

use std::collections::BTreeSet;
use std::path::Path;

use aiomsg_spool::inspect::{Mender, Part};
use aiomsg_spool::store::{Store, Stored, Usage};
use aiomsg_spool::{Embedded, Spool, SpoolError, SyncPolicy};
use futures::FutureExt;
use rusqlite::Connection;

use crate::common::{
    change, check_totals, damage_root, dead, entries, entry, file, fill, number, numbers, open,
    rest, soon,
};

/// The reason of a dead letter whose checksum is wrong.
const DAMAGE: &str = "its bytes are not those that were stored";

fn try_open(folder: &Path) -> Result<Embedded, SpoolError> {
    Embedded::open(folder, SyncPolicy::Os, None)
}

/// A closed store of messages with 100 bytes of payload each, which say their number.
async fn closed_store(folder: &Path, messages: u64) {
    let store = open(folder);
    soon(store.append((0..messages).map(hundred).collect()))
        .await
        .unwrap();
    soon(store.close()).await.unwrap();
}

fn hundred(number: u64) -> aiomsg_spool::store::Entry {
    entry(number, format!("{number:0100}"))
}

/// All that comes, with nothing said of what is missing.
async fn all_that_comes(store: &dyn Store) -> Vec<Stored> {
    let mut all = Vec::new();
    'more: loop {
        let mut ask = store.next(1000);
        for _ in 0..200 {
            let done = soon(store.stats()).await.is_err();
            match (&mut ask).now_or_never() {
                Some(Ok(stored)) => {
                    all.extend(stored);
                    continue 'more;
                }
                Some(Err(_)) => return all,
                None if done => return all,
                None => {}
            }
        }
        return all;
    }
}

#[tokio::test]
async fn a_flipped_byte_in_a_payload_costs_that_message() {
    let folder = crate::common::folder();
    closed_store(folder.path(), 100).await;
    change(folder.path(), "spool.db", |bytes| {
        let payload = format!("{:0100}", 42);
        // SQLite leaves copies in what is free of a page.
        for at in 0..bytes.len() - 100 {
            if &bytes[at..at + 100] == payload.as_bytes() {
                bytes[at + 50] ^= 1;
            }
        }
    });
    let store = open(folder.path());
    let left = rest(&store).await;
    assert!(
        numbers(&left)
            .into_iter()
            .eq((0..100).filter(|it| *it != 42))
    );
    let stats = soon(store.stats()).await.unwrap();
    assert_eq!((stats.damaged_messages, stats.unreadable_places), (1, 0));
    soon(store.close()).await.unwrap();
    assert_eq!(dead(folder.path()), [(43, DAMAGE.to_owned())]);
    check_totals(folder.path());
}

/// Its bytes are the same, but of a type that their column may not hold.
#[tokio::test]
async fn headers_of_another_type_cost_their_message() {
    let folder = crate::common::folder();
    closed_store(folder.path(), 7).await;
    let file = || file(folder.path());
    let stored: Vec<u8> = file()
        .query_row("SELECT headers FROM headers WHERE seq = 6", [], |row| {
            row.get(0)
        })
        .unwrap();
    change(folder.path(), "spool.db", |bytes| {
        let at = bytes.windows(stored.len()).position(|it| it == stored);
        let kind = at.unwrap() - 1;
        assert_eq!(usize::from(bytes[kind]), 12 + 2 * stored.len());
        bytes[kind] ^= 1;
    });
    let store = open(folder.path());
    assert_eq!(numbers(&rest(&store).await), [0, 1, 2, 3, 4, 6]);
    soon(store.close()).await.unwrap();
    assert_eq!(dead(folder.path()), [(6, DAMAGE.to_owned())]);
    check_totals(folder.path());
    let kept: Vec<u8> = file()
        .query_row("SELECT headers FROM headers WHERE seq = 6", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(kept, stored);
}

/// A store of three messages without payload, the second of which has lost the type of it.
async fn store_with_a_payload_of_null(folder: &Path) {
    let store = open(folder);
    let entries = [1, 2, 4].map(|number| entry(number, ""));
    soon(store.append(entries.to_vec())).await.unwrap();
    soon(store.close()).await.unwrap();
    let id = *entries[1].id.as_bytes();
    change(folder, "spool.db", |bytes| {
        // The types of the columns come before the columns, and the first of these is the id.
        let at = bytes.windows(id.len()).position(|it| it == id);
        let kind = at.unwrap() - 1;
        assert_eq!(bytes[kind], 12, "an empty blob");
        bytes[kind] = 0;
    });
}

#[tokio::test]
async fn a_payload_of_null_can_be_purged() {
    let folder = crate::common::folder();
    store_with_a_payload_of_null(folder.path()).await;
    let mut mender = Mender::open(folder.path()).unwrap();
    let step = mender.purge(Part::Waiting, &[2]).unwrap();
    assert_eq!((step.changed.messages, step.changed.bytes), (1, 0));
    mender.close().unwrap();
    check_totals(folder.path());
    assert_eq!(numbers(&rest(&open(folder.path())).await), [1, 4]);
}

#[tokio::test]
async fn a_payload_of_null_can_be_shed() {
    let folder = crate::common::folder();
    store_with_a_payload_of_null(folder.path()).await;
    let store = open(folder.path());
    let shed = soon(store.shed(Usage::default())).await.unwrap();
    assert_eq!((shed.dropped, shed.left), (3, Usage::default()));
}

#[tokio::test]
async fn a_payload_of_null_costs_that_message() {
    let folder = crate::common::folder();
    store_with_a_payload_of_null(folder.path()).await;
    let store = open(folder.path());
    assert_eq!(numbers(&rest(&store).await), [1, 4]);
    soon(store.close()).await.unwrap();
    assert_eq!(dead(folder.path()), [(2, DAMAGE.to_owned())]);
    check_totals(folder.path());
}

#[tokio::test]
async fn a_count_of_tries_beyond_every_number_is_the_last_try() {
    let folder = crate::common::folder();
    closed_store(folder.path(), 2).await;
    let most = i64::from(u32::MAX);
    let sql = "UPDATE messages SET tries = ?1 + seq - 1";
    file(folder.path()).execute(sql, [most]).unwrap();
    let spool = Spool::open(folder.path()).await.unwrap();
    let mut messages = spool.messages().unwrap();
    let held = messages.next().await.unwrap();
    assert_eq!(held.tries(), u32::MAX);
    held.failed("it fails each time").await.unwrap();
    spool.close().await.unwrap();
    let letters = dead(folder.path());
    let reasons = letters.iter().map(|(_, reason)| reason.as_str());
    // The other one is no count at all.
    assert!(reasons.eq(["it fails each time", DAMAGE]));
}

#[tokio::test]
async fn a_damaged_page_of_messages_costs_those_on_it() {
    let folder = crate::common::folder();
    closed_store(folder.path(), 5000).await;
    let leaf = leaf_in_the_middle(folder.path());
    fill(folder.path(), leaf);
    let store = open(folder.path());
    let left = all_that_comes(&store).await;
    let left: BTreeSet<_> = left.iter().map(number).collect();
    let missing: Vec<_> = (0..5000).filter(|it| !left.contains(it)).collect();
    // Neighbours, as many as one page has.
    assert!(
        missing.len() > 10 && missing.len() < 80,
        "{}",
        missing.len()
    );
    assert!(missing.windows(2).all(|it| it[0] + 1 == it[1]));
    // They are still counted, and in the file.
    let stats = soon(store.stats()).await.unwrap();
    assert_eq!(stats.waiting.messages, 5000);
    assert_eq!(stats.given_out, 5000 - missing.len() as u64);
    assert_eq!(stats.unreadable_places, missing.len() as u64);
    assert_eq!(stats.damaged_messages, 0);
    // New ones come and go.
    soon(store.append(vec![hundred(5000)])).await.unwrap();
    assert_eq!(numbers(&all_that_comes(&store).await), [5000]);
}

/// SQLite reads the last page for any place behind it, too. The writer found it damaged again
/// and again, and counted places that no message had.
#[tokio::test]
async fn a_damaged_last_page_is_counted_once() {
    let folder = crate::common::folder();
    closed_store(folder.path(), 5000).await;
    let leaf = last_leaf(folder.path());
    fill(folder.path(), leaf);
    let store = open(folder.path());
    let left = all_that_comes(&store).await;
    let missing = 5000 - left.len() as u64;
    assert!(missing > 10 && missing < 80, "{missing}");
    for _ in 0..2 {
        let stats = soon(store.stats()).await.unwrap();
        assert_eq!(stats.waiting.messages, 5000);
        assert_eq!(stats.unreadable_places, missing);
    }
    // New ones would have to be on it.
    let error = soon(store.append(vec![hundred(5000)])).await.unwrap_err();
    assert!(matches!(error, SpoolError::Damaged { .. }), "{error:?}");
}

#[tokio::test]
async fn a_last_message_out_of_its_place_is_counted_once() {
    let folder = crate::common::folder();
    closed_store(folder.path(), 7).await;
    let sql = "UPDATE messages SET seq = 1000000 WHERE seq = 7";
    file(folder.path()).execute(sql, []).unwrap();
    let store = open(folder.path());
    let left = all_that_comes(&store).await;
    assert_eq!(numbers(&left), [0, 1, 2, 3, 4, 5]);
    for _ in 0..2 {
        let stats = soon(store.stats()).await.unwrap();
        assert_eq!(stats.unreadable_places, 1);
    }
    // New ones come and go.
    soon(store.append(vec![hundred(7)])).await.unwrap();
    assert_eq!(numbers(&all_that_comes(&store).await), [7]);
}

#[tokio::test]
async fn messages_whose_page_of_headers_is_damaged_stay_in_the_file() {
    let folder = crate::common::folder();
    closed_store(folder.path(), 7).await;
    damage_root(folder.path(), "headers");
    let store = open(folder.path());
    assert!(all_that_comes(&store).await.is_empty());
    let stats = soon(store.stats()).await.unwrap();
    assert_eq!(stats.waiting.messages, 7);
    // New ones without headers come.
    soon(store.append(vec![hundred(7)])).await.unwrap();
    assert_eq!(numbers(&all_that_comes(&store).await), [7]);
    soon(store.close()).await.unwrap();
    let kept: i64 = file(folder.path())
        .query_row("SELECT count(*) FROM messages", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 8);
}

/// The number of a page in the middle of the tree of messages.
fn leaf_in_the_middle(folder: &Path) -> usize {
    leaves(folder)[20]
}

fn last_leaf(folder: &Path) -> usize {
    *leaves(folder).last().unwrap()
}

/// The numbers of the pages of messages, in the order of those.
fn leaves(folder: &Path) -> Vec<usize> {
    let file = file(folder);
    let sql = "SELECT pageno FROM dbstat WHERE name = 'messages' AND pagetype = 'leaf' \
               ORDER BY path";
    let mut pages = file.prepare(sql).unwrap();
    let pages = pages.query_map([], |row| row.get::<_, i64>(0)).unwrap();
    let pages = pages.map(|it| usize::try_from(it.unwrap()).unwrap());
    pages.collect()
}

#[tokio::test]
async fn a_damaged_table_of_totals_is_an_error() {
    let folder = crate::common::folder();
    closed_store(folder.path(), 10).await;
    damage_root(folder.path(), "totals");
    let error = try_open(folder.path()).unwrap_err();
    assert!(matches!(error, SpoolError::Damaged { .. }), "{error:?}");
}

#[tokio::test]
async fn bytes_that_are_flipped_anywhere_give_no_other_message() {
    let original = crate::common::folder();
    closed_store(original.path(), 600).await;
    let bytes = std::fs::read(original.path().join("spool.db")).unwrap();
    let (mut opened, mut came) = (0, 0);
    for seed in 0..150 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut bytes = bytes.clone();
        for _ in 0..rng.u8(1..4) {
            let at = rng.usize(..bytes.len());
            bytes[at] ^= 1 << rng.u8(..8);
        }
        let folder = crate::common::folder();
        std::fs::write(folder.path().join("spool.db"), bytes).unwrap();
        let store = match try_open(folder.path()) {
            Ok(store) => store,
            Err(
                SpoolError::Damaged { .. } | SpoolError::NoStore { .. } | SpoolError::Newer { .. },
            ) => continue,
            Err(error) => panic!("seed {seed}: {error:?}"),
        };
        opened += 1;
        let all = all_that_comes(&store).await;
        for stored in &all {
            let mut expected = hundred(number(stored));
            // Not part of the checksum.
            expected.at = stored.entry.at;
            assert_eq!(stored.entry, expected, "seed {seed}");
        }
        came += all.len();
        // It may say that it is damaged, and must come to its end.
        let _ = soon(store.close()).await;
    }
    assert!(opened > 100, "{opened}");
    assert!(came > opened * 500, "{came} messages of {opened} stores");
}

#[tokio::test]
async fn the_tail_of_the_log_that_is_cut_costs_what_was_in_it() {
    let folder = crate::common::folder();
    let store = open(folder.path());
    for it in 0..50 {
        soon(store.append(entries([it]))).await.unwrap();
    }
    let read = |name| std::fs::read(folder.path().join(name)).unwrap();
    let (data, log) = (read("spool.db"), read("spool.db-wal"));
    let mut last = 0;
    for part in 0..=40 {
        let cut = crate::common::folder();
        std::fs::write(cut.path().join("spool.db"), &data).unwrap();
        let length = log.len() * part / 40;
        std::fs::write(cut.path().join("spool.db-wal"), &log[..length]).unwrap();
        let store = open(cut.path());
        let left = rest(&store).await;
        assert!(left.len() >= last);
        last = left.len();
        assert!(numbers(&left).into_iter().eq(0..last as u64));
        soon(store.close()).await.unwrap();
        check_totals(cut.path());
    }
    assert_eq!(last, 50);
}

#[tokio::test]
async fn a_store_of_a_later_version_is_left_alone() {
    let folder = crate::common::folder();
    closed_store(folder.path(), 3).await;
    file(folder.path())
        .pragma_update(None, "user_version", 3)
        .unwrap();
    let before = std::fs::read(folder.path().join("spool.db")).unwrap();
    let error = try_open(folder.path()).unwrap_err();
    let SpoolError::Newer { found, known, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!((found, known), (3, 2));
    assert_eq!(
        std::fs::read(folder.path().join("spool.db")).unwrap(),
        before
    );
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let texts = ["a note of somebody's", &"x".repeat(100_000)];
    for text in texts {
        let folder = crate::common::folder();
        let file = folder.path().join("spool.db");
        std::fs::write(&file, text).unwrap();
        let error = try_open(folder.path()).unwrap_err();
        let SpoolError::NoStore { path } = error else {
            panic!("{error:?}");
        };
        assert_eq!(path, file);
        assert_eq!(std::fs::read_to_string(file).unwrap(), text);
    }
}

#[test]
fn a_database_of_something_else_is_left_alone() {
    let kinds = [
        "CREATE TABLE messages (seq INTEGER PRIMARY KEY)",
        // No table yet, and somebody's all the same.
        "PRAGMA application_id = 77; VACUUM",
        "PRAGMA user_version = 3; VACUUM",
    ];
    for kind in kinds {
        let folder = crate::common::folder();
        let file = folder.path().join("spool.db");
        Connection::open(&file)
            .unwrap()
            .execute_batch(kind)
            .unwrap();
        let before = std::fs::read(&file).unwrap();
        let error = try_open(folder.path()).unwrap_err();
        assert!(matches!(error, SpoolError::NoStore { .. }), "{error:?}");
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
}

//! What is no store of this version is named, and left as it is.

use std::fs;

use super::super::process::run;
use super::support::{Store, three};

#[test]
fn a_folder_without_a_store_is_a_wrong_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    for what in ["ls", "stats", "requeue", "export", "verify"] {
        run(&["spool", what, path]).fails(2, &["no store of messages in", path]);
    }
    run(&["spool", "purge", path, "--yes"]).fails(2, &["no store of messages in"]);
    run(&["spool", "ls", "no/such/folder"]).fails(2, &["no store of messages in no/such"]);
    assert_eq!(fs::read_dir(path).unwrap().count(), 0);
}

#[test]
fn the_store_that_was_meant_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = three();
    let below = dir.path().join("frontend");
    fs::rename(store.path(), &below).unwrap();
    let wanted = format!("there is one in {}", below.display());
    run(&["spool", "ls", dir.path().to_str().unwrap()]).fails(2, &[&wanted]);
    let file = below.join("spool.db");
    run(&["spool", "ls", file.to_str().unwrap()]).fails(2, &[&wanted]);
}

#[test]
fn a_later_version_is_left_as_it_is() {
    let store = three();
    let mut bytes = fs::read(store.file()).unwrap();
    // Where SQLite keeps `user_version`.
    bytes[60..64].copy_from_slice(&9_u32.to_be_bytes());
    fs::write(store.file(), &bytes).unwrap();
    for (what, args) in [("ls", &[][..]), ("requeue", &[]), ("purge", &["--yes"])] {
        let done = store.run(what, args);
        done.fails(1, &["has version 9", "reads up to version 2", "later"]);
    }
    assert_eq!(fs::read(store.file()).unwrap(), bytes);
}

#[test]
fn another_file_of_that_name_is_no_store() {
    let store = Store::of([]);
    fs::write(
        store.file(),
        "these are words, and no database at all, ".repeat(100),
    )
    .unwrap();
    store
        .run("ls", &[])
        .fails(2, &["spool.db is no store of messages"]);
    store
        .run("purge", &["--yes"])
        .fails(2, &["is no store of messages"]);
}

/// As on a file system that cannot be written.
#[cfg(unix)]
#[test]
fn a_log_whose_index_cannot_be_made_is_no_riddle() {
    let store = three();
    let index = store.path().join("spool.db-shm");
    std::os::unix::fs::symlink("no/such/folder/index", index).unwrap();
    store
        .run("ls", &[])
        .fails(1, &["cannot be read", "copy the folder"]);
}

//! Opening a store, and what to do where that fails.

use std::path::{Path, PathBuf};

use aiomsg_spool::SpoolError;
use aiomsg_spool::inspect::{Inspector, Mender};

use crate::common::failure::{Failure, Outcome};
use crate::common::said::said;

/// The file of a store in its folder.
const FILE: &str = "spool.db";

/// The most folders in which a store is looked for.
const LOOKED: usize = 1024;

pub(super) fn to_read(dir: &Path) -> Outcome<Inspector> {
    Inspector::open(dir).map_err(|error| failure(dir, &error))
}

pub(super) fn to_mend(dir: &Path) -> Outcome<Mender> {
    Mender::open(dir).map_err(|error| failure(dir, &error))
}

/// An error of the store in this folder, and what to do about it.
pub(super) fn failure(dir: &Path, error: &SpoolError) -> Failure {
    let (text, shown) = (said(error), dir.display());
    match error {
        SpoolError::Missing { .. } => Failure::usage(match elsewhere(dir) {
            Some(store) => format!("{text}; there is one in {}", store.display()),
            None => format!("{text}; DIR is the folder that has a {FILE}"),
        }),
        SpoolError::NoStore { .. } => Failure::usage(text.to_string()),
        SpoolError::InUse { .. } => Failure::failed(format!(
            "{text}; end that first: beside it, ls, show, stats, export and verify are safe"
        )),
        SpoolError::Damaged { .. } => Failure::failed(format!(
            "{text}; \"aiomsg spool verify {shown}\" says where, and \"aiomsg spool export \
             {shown}\" writes what can be read"
        )),
        SpoolError::Newer { .. } => Failure::failed(format!(
            "{text}; use the version that wrote it, or a later one"
        )),
        SpoolError::Unreadable { .. } => Failure::failed(format!(
            "{text}; the user must be allowed to read its files, and to make an index of its \
             log in the folder: copy the folder to where that is so"
        )),
        _ => Failure::because(error),
    }
}

/// The store that was probably meant: one level down, or the folder of its file.
fn elsewhere(dir: &Path) -> Option<PathBuf> {
    if dir.is_file() && dir.file_name().is_some_and(|name| name == FILE) {
        return Some(match dir.parent()? {
            parent if parent.as_os_str().is_empty() => PathBuf::from("."),
            parent => parent.to_owned(),
        });
    }
    let entries = std::fs::read_dir(dir).ok()?.take(LOOKED).flatten();
    let mut found: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.join(FILE).is_file())
        .collect();
    found.sort();
    found.into_iter().next()
}

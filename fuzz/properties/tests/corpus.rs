//! Replays what the fuzzer has found interesting, and the inputs that were
//! written by hand.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use aiomsg_fuzz_properties::PROPERTIES;

#[test]
fn every_property_holds_for_its_corpus() {
    let mut failed = Vec::new();
    for (name, property) in PROPERTIES {
        for folder in ["corpus", "seeds"] {
            for path in files(&format!("{folder}/{name}")) {
                let input = fs::read(&path).unwrap();
                if catch_unwind(AssertUnwindSafe(|| property(&input))).is_err() {
                    failed.push(path);
                }
            }
        }
    }
    assert!(failed.is_empty(), "what fails is {failed:#?}");
}

/// The files of a folder of the fuzz crate.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(folder);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files.sort();
    files
}

/// A target without a property, or the other way round, is checked by nobody.
#[test]
fn every_fuzz_target_has_its_property() {
    let mut targets: Vec<_> = files("fuzz_targets")
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let mut properties: Vec<_> = PROPERTIES.iter().map(|(name, _)| *name).collect();
    targets.sort();
    properties.sort_unstable();
    assert_eq!(targets, properties);
}

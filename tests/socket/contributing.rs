//! CONTRIBUTING names files to touch, and words to follow through them.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text between backticks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The file that a span names, if it looks like one.
fn file(span: &str) -> Option<PathBuf> {
    let path = span.split(' ').next()?;
    let looks = path.contains('/') || path.ends_with(".toml") || path.ends_with(".md");
    looks.then(|| root().join(path))
}

fn page() -> String {
    let page = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    // The block of commands has backticks in threes.
    let outside = page.split("```").step_by(2);
    outside.collect()
}

#[test]
fn every_named_file_exists() {
    let page = page();
    let files: Vec<_> = spans(&page).filter_map(file).collect();
    assert!(files.len() > 30, "{files:?}");
    for file in files {
        assert!(file.exists(), "CONTRIBUTING.md: no file {}", file.display());
    }
}

/// A list that lacks a file costs the next contributor an hour, and one with a stale file a
/// search.
#[test]
fn the_words_to_follow_are_in_the_files_of_their_list() {
    let page = page();
    let lists: Vec<_> = page
        .split("\n### ")
        .skip(1)
        .map(|list| list.split("\n## ").next().unwrap())
        .collect();
    assert_eq!(lists.len(), 3);
    for list in lists {
        let (title, rest) = list.split_once('\n').unwrap();
        // Items for another case than that of the words to follow say so.
        let rest = rest.split(" outside of").next().unwrap();
        let (files, words): (Vec<_>, Vec<_>) = spans(rest).partition(|span| file(span).is_some());
        // `KeepNewest`, and `keep-newest` in a file for people.
        let words: Vec<_> = words
            .into_iter()
            .map(|word| word.replace(['-', '_'], "").to_lowercase())
            .filter(|word| ["keepnewest", "acceptfailed", "maxincompletebytes"].contains(&&**word))
            .collect();
        assert!(!words.is_empty(), "{title}: nothing to follow");
        assert!(files.len() > 4, "{title}: {files:?}");
        for name in files {
            let text = fs::read_to_string(root().join(name)).unwrap();
            let text = text.replace(['-', '_'], "").to_lowercase();
            assert!(
                words.iter().any(|word| text.contains(word)),
                "{title}: {name} has no {words:?}"
            );
        }
    }
}

/// The commands for a change name packages, binaries of tests and modules.
#[test]
fn the_quick_commands_run_something() {
    let page = page();
    let mut filters = 0;
    for command in spans(&page).filter_map(|span| span.strip_prefix("cargo test ")) {
        let words: Vec<_> = command.split(' ').collect();
        let after = |flag| {
            let at = words.iter().position(|word| *word == flag)?;
            words.get(at + 1).copied()
        };
        let package = root().join(after("-p").filter(|it| *it != "aiomsg").unwrap_or("."));
        assert!(package.join("Cargo.toml").exists(), "{command}");
        let tests = match after("--test") {
            Some(name) => match package.join("tests").join(name) {
                folder if folder.join("main.rs").exists() => folder,
                _ => panic!("{command}: no {name}"),
            },
            None => package.join("src"),
        };
        let is_filter = |word: &&&str| {
            !word.starts_with('-') && word.chars().all(|it| it == '_' || it.is_alphabetic())
        };
        let last = words.last().filter(is_filter);
        let named = [after("-p"), after("--test")];
        if let Some(filter) = last.filter(|last| !named.contains(&Some(**last))) {
            let module = [tests.join(filter), tests.join(format!("{filter}.rs"))];
            assert!(
                module.iter().any(|it| it.exists()),
                "{command}: no {filter}"
            );
            filters += 1;
        }
    }
    assert!(filters >= 5, "{filters}");
}

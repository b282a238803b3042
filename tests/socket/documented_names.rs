//! The files and items that the pages about the inside of a socket name exist.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// A page that says where things are sent its readers to files that had been renamed.
#[test]
fn every_documented_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let words = words_of_all_sources(root);
    for page in [
        "docs/architecture.md",
        "docs/where-a-message-waits.md",
        "docs/layers.md",
        "docs/troubleshooting.md",
    ] {
        for code in code_spans(&fs::read_to_string(root.join(page)).unwrap()) {
            if code.contains('/') && !code.contains("://") {
                assert!(root.join(&code).exists(), "{page}: no file {code}");
            } else if page != "docs/layers.md" {
                // The guide speaks of its own programs, which the compiler checks.
                let exists = last_word(&code).is_none_or(|word| words.contains(word));
                assert!(exists, "{page}: no item {code}");
            }
        }
    }
}

/// The text between backticks, outside of blocks of code.
fn code_spans(page: &str) -> Vec<String> {
    let mut in_block = false;
    let prose = page.lines().filter(|line| {
        let fence = line.starts_with("```");
        in_block ^= fence;
        !fence && !in_block
    });
    let prose = prose.collect::<Vec<_>>().join("\n");
    let spans = prose.split('`').skip(1).step_by(2);
    spans.map(str::to_owned).collect()
}

/// `hold` of `session::Session::hold`, `close` of `close(deadline)`. Code that is more than a
/// name has none, and a package stands in a manifest.
fn last_word(code: &str) -> Option<&str> {
    let name = code.split(['(', '<']).next()?.trim_end_matches(".rs");
    let is_word = |word: &str| word.chars().all(|it| it.is_alphanumeric() || it == '_');
    let words = name.split("::").flat_map(|part| part.split('.'));
    let mut words = words.filter(|word| !word.is_empty()).peekable();
    words.peek()?;
    let words: Vec<_> = words.collect();
    words
        .iter()
        .all(|word| is_word(word))
        .then(|| words[words.len() - 1])
}

fn words_of_all_sources(root: &Path) -> HashSet<String> {
    let mut words = HashSet::new();
    let tops = [
        "aiomsg-core",
        "aiomsg-layers",
        "aiomsg-transport",
        "aiomsg-test",
    ];
    let mut folders: Vec<_> = tops.iter().map(|top| root.join(top).join("src")).collect();
    folders.push(root.join("src"));
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
                let text = fs::read_to_string(path).unwrap();
                let code = text
                    .lines()
                    .filter(|line| !line.trim_start().starts_with("//"));
                for line in code {
                    let all = line.split(|it: char| !it.is_alphanumeric() && it != '_');
                    words.extend(all.map(str::to_owned));
                }
                words.insert(stem);
            }
        }
    }
    words
}

//! What the README says of Rust, features and packages is what the manifests say.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The part of a text after the line `begin`, up to the line that begins with `end`.
fn section<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text
        .split_once(&format!("\n{begin}\n"))
        .unwrap_or_else(|| panic!("no line {begin}"));
    rest.split(&format!("\n{end}")).next().unwrap()
}

#[test]
fn the_oldest_rust_is_that_of_the_manifest() {
    let rust = env!("CARGO_PKG_RUST_VERSION");
    let readme = read("README.md");
    let (_, rest) = readme.split_once("The oldest supported Rust is ").unwrap();
    assert!(rest.starts_with(&format!("{rust}. ")), "not {rust}: {rest}");
}

/// A feature was added, and the README did not have it.
#[test]
fn the_table_of_features_is_complete() {
    let manifest = read("Cargo.toml");
    let features = section(&manifest, "[features]", "[");
    let features = features.lines().filter(|line| !line.starts_with('#'));
    let features = features.filter_map(|line| Some(line.split_once(" = ")?.0));
    let features: BTreeSet<_> = features.filter(|name| *name != "default").collect();
    let readme = read("README.md");
    let table = section(&readme, "## Install", "## ");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let rows: BTreeSet<_> = rows.map(|row| row.split('`').nth(1).unwrap()).collect();
    assert_eq!(rows, features);
}

/// Those who follow the README depend on packages that exist, with features that exist.
#[test]
fn the_dependencies_are_packages_with_these_features() {
    let readme = read("README.md");
    let lines = section(&readme, "```toml", "```");
    let lines: Vec<_> = lines.lines().collect();
    assert_eq!(lines[0], "[dependencies]");
    assert!(lines[1].starts_with("aiomsg = "), "{lines:?}");
    let tokio = lines.iter().find(|line| line.starts_with("tokio = "));
    // The programs below it need what a runtime of tokio's macro needs.
    for feature in ["macros", "rt-multi-thread", "time"] {
        assert!(tokio.unwrap().contains(&format!("\"{feature}\"")));
    }
}

/// The two commands that everybody may rely on.
#[test]
fn the_two_commands_are_there() {
    let readme = read("README.md");
    for command in [
        "cargo run --release -p aiomsg-cli -- demo",
        "cargo test --workspace --all-features",
    ] {
        assert!(readme.contains(&format!("\n```sh\n{command}\n```\n")));
    }
}

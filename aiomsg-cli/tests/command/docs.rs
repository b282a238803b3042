//! The documentation names every command.

use std::path::Path;

use super::help::{commands, listed};

/// The text of a page of the documentation.
fn page(name: &str) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    std::fs::read_to_string(docs.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The anchors of the headings of a page.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let text = line.trim_start_matches('#').trim().to_lowercase();
            let kept = text
                .chars()
                .filter(|char| char.is_alphanumeric() || " -_".contains(*char));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}

/// The first column of the table of commands: names, and where each leads.
fn table(page: &str) -> Vec<(Vec<String>, String)> {
    let rows = page
        .lines()
        .skip_while(|line| !line.starts_with("| command |"));
    rows.skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|row| {
            let cell = row.split('|').nth(1).unwrap();
            let (names, target) = cell.trim().split_once("](").unwrap();
            let names = names.split('`').skip(1).step_by(2).map(str::to_owned);
            (names.collect(), target.trim_end_matches(')').to_owned())
        })
        .collect()
}

#[test]
fn every_command_for_stores_is_in_its_section() {
    let text = page("cli.md");
    let (_, section) = text.split_once("\n## spool\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    for command in listed(&["spool", "--help"]) {
        let row = format!("| `{command} DIR");
        assert!(command == "help" || section.contains(&row), "{command}");
    }
}

#[test]
fn every_command_is_in_the_table_and_has_a_section() {
    let text = page("cli.md");
    let rows = table(&text);
    let mut named: Vec<_> = rows.iter().flat_map(|(names, _)| names.clone()).collect();
    let mut commands = commands();
    commands.retain(|command| command != "help");
    named.sort();
    commands.sort();
    assert_eq!(named, commands);
    for (names, target) in rows {
        let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
        let section = match file {
            "" => text.clone(),
            file => page(file),
        };
        let found = anchor.is_empty() || anchors(&section).iter().any(|it| it == anchor);
        assert!(found, "{names:?}: no section {target}");
        // A link to another page is no section of its own there.
        for name in &names {
            let own = anchors(&text).contains(name) || anchor == "completions-and-man-pages";
            assert!(own, "{name} has no section in cli.md");
        }
    }
}

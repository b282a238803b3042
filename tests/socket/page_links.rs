//! Links between the pages lead to files and headings that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A heading was renamed, or a page moved, and the links to it led nowhere.
#[test]
fn every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut seen, mut broken) = (0, Vec::new());
    for page in pages(root) {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            seen += 1;
            if let Err(why) = follow(&page, &link) {
                let page = page.strip_prefix(root).unwrap().display();
                broken.push(format!("{page}: {link}: {why}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(seen > 100, "only {seen} links were found");
}

/// A page that nothing leads to is never read.
#[test]
fn every_page_is_reached_from_the_readme() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut reached = BTreeSet::from([root.join("README.md")]);
    let mut to_read: Vec<_> = reached.iter().cloned().collect();
    while let Some(page) = to_read.pop() {
        for link in links(&fs::read_to_string(&page).unwrap()) {
            let path = link.split('#').next().unwrap();
            let Ok(found) = page.parent().unwrap().join(path).canonicalize() else {
                continue;
            };
            if found.extension().is_some_and(|it| it == "md") && reached.insert(found.clone()) {
                to_read.push(found);
            }
        }
    }
    for page in pages(root) {
        let in_docs = page.starts_with(root.join("docs"));
        let page = page.canonicalize().unwrap();
        assert!(!in_docs || reached.contains(&page), "{}", page.display());
    }
}

/// All pages: those of the root, and those of the folders that have some.
fn pages(root: &Path) -> Vec<PathBuf> {
    let folders = [
        ".",
        "docs",
        "docs/internals",
        "examples",
        "benches",
        "deploy",
        "fuzz",
    ];
    let entries = folders
        .iter()
        .flat_map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let mut pages: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "md"))
        .collect();
    pages.sort();
    pages
}

/// The lines of prose, without blocks of code.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut in_block = false;
    page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        in_block ^= fence;
        !fence && !in_block
    })
}

/// What `[text](link)` names, except other sites and items of the library.
fn links(page: &str) -> Vec<String> {
    let prose = prose(page).collect::<Vec<_>>().join("\n");
    let links = prose.split("](").skip(1);
    let links = links.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
    links
        .filter(|link| !link.contains("://") && !link.starts_with("crate::"))
        .collect()
}

fn follow(page: &Path, link: &str) -> Result<(), String> {
    let (path, heading) = match link.split_once('#') {
        Some((path, heading)) => (path, Some(heading)),
        None => (link, None),
    };
    let target = match path {
        "" => page.to_owned(),
        path => page.parent().unwrap().join(path),
    };
    if !target.exists() {
        return Err("no such file".to_owned());
    }
    let Some(heading) = heading else {
        return Ok(());
    };
    let text = fs::read_to_string(&target).map_err(|error| error.to_string())?;
    let mut anchors = prose(&text).filter_map(anchor);
    match anchors.any(|anchor| anchor == heading) {
        true => Ok(()),
        false => Err("no such heading".to_owned()),
    }
}

/// The anchor of a heading, as the usual sites make it: lower case, without punctuation,
/// with `-` for a space.
fn anchor(line: &str) -> Option<String> {
    let title = line.trim_start_matches('#');
    if title.len() == line.len() {
        return None;
    }
    let title = title.strip_prefix(' ')?.to_lowercase();
    let kept = title
        .chars()
        .filter(|it| it.is_alphanumeric() || [' ', '-', '_'].contains(it));
    Some(kept.map(|it| if it == ' ' { '-' } else { it }).collect())
}

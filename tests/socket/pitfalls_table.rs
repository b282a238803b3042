//! The tables that say which test is for which fault, of others and of ours, and for which
//! case: what they name is there.

use std::collections::BTreeSet;
use std::path::Path;

const PITFALLS: &str = "docs/internals/pitfalls.md";

/// How many faults and cases there are, under each heading.
const FAULTS: [(&str, &str, u32); 3] = [
    (PITFALLS, "Pitfalls of others", 39),
    (PITFALLS, "Pitfalls of ours", 54),
    (
        "docs/reliability.md",
        "A program that sends once and ends",
        12,
    ),
];

/// A test was renamed or removed, and nobody saw that a fault had none any
/// more.
#[test]
fn every_fault_has_its_test() {
    for (page, heading, faults) in FAULTS {
        has_its_tests(page, heading, faults);
    }
}

fn has_its_tests(page: &str, heading: &str, faults: u32) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join(page)).unwrap();
    let heading = format!("\n## {heading}\n");
    let (_, section) = page.split_once(&heading).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut seen = BTreeSet::new();
    for row in section.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let Ok(number) = cells[0].parse::<u32>() else {
            continue;
        };
        assert!(seen.insert(number), "{number} is there twice");
        // `path` `name` `name`, perhaps more of them.
        let mut names = 0;
        let mut file = None;
        for code in cells[2].split('`').skip(1).step_by(2) {
            if code.contains('/') {
                let text = std::fs::read_to_string(root.join(code));
                file = Some((code, text.unwrap_or_else(|error| panic!("{code}: {error}"))));
                continue;
            }
            let (path, text) = file.as_ref().expect("first the file, then the test");
            assert!(is_test(text, code), "{number}: no test {code} in {path}");
            names += 1;
        }
        assert!(names > 0, "{number} has no test");
    }
    assert_eq!(seen, (1..=faults).collect());
}

/// Whether `name` is a function right behind an attribute that makes it a test.
fn is_test(text: &str, name: &str) -> bool {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let heads = [format!("fn {name}("), format!("async fn {name}(")];
    let begins = |line: &&str| heads.iter().any(|head| line.starts_with(head));
    lines.iter().enumerate().any(|(at, line)| {
        let attributes = lines[..at].iter().rev();
        begins(line)
            && attributes
                .take_while(|line| line.starts_with("#["))
                .any(|line| line.contains("test"))
    })
}

//! The demo does each job once.

use super::process::run;

#[test]
fn a_table_shows_who_did_how_many() {
    let done = run(&["demo", "--jobs", "2000"]);
    let text = done.ends(0).text();
    for part in [
        "consumer 1",
        "consumer 2",
        "0 lost, 0 done twice",
        "every job was done exactly once",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_numbers_add_up() {
    let report = run(&["demo", "--jobs", "999", "--consumers", "3", "--json"])
        .ends(0)
        .json();
    assert_eq!(report["done"], 999);
    assert_eq!(
        (report["lost"].as_u64(), report["doubled"].as_u64()),
        (Some(0), Some(0))
    );
    let each: Vec<_> = report["consumers"]
        .as_array()
        .unwrap()
        .iter()
        .map(serde_json::Value::as_u64)
        .collect();
    assert_eq!(each, [Some(333); 3]);
}

/// A spooled proxy is killed three times in the middle of the jobs.
#[cfg(feature = "spool")]
#[test]
fn a_spooled_proxy_outlives_its_own_death() {
    let done = run(&["demo", "--spool", "--jobs", "2000"]);
    let text = done.ends(0).text();
    for part in [
        "0 lost, 0 done twice",
        "the proxy was killed 3 times",
        "every job was done exactly once",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

//! The board and the alerts in `deploy/`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::scraped::scraped;
use super::*;

/// The names of metrics in a query.
fn names(query: &str) -> BTreeSet<&str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = query.split(|letter| !is_part(letter));
    words
        .filter(|it| it.starts_with("aiomsg_") || it.starts_with("process_"))
        .collect()
}

/// All queries of the board and of the alerts.
fn queries() -> Vec<String> {
    let deploy = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    let read = |name: &str| std::fs::read_to_string(deploy.join(name)).unwrap();
    let rules: Value = serde_norway::from_str(&read("prometheus-rules.yaml")).unwrap();
    let board: Value = serde_json::from_str(&read("grafana-board.json")).unwrap();
    let mut queries = Vec::new();
    for group in rules["groups"].as_array().unwrap() {
        for rule in group["rules"].as_array().unwrap() {
            queries.push(rule["expr"].as_str().unwrap().to_owned());
        }
    }
    for panel in board["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            queries.push(target["expr"].as_str().unwrap().to_owned());
        }
    }
    let variable = &board["templating"]["list"][1]["query"]["query"];
    queries.push(variable.as_str().unwrap().to_owned());
    queries
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_board_and_the_alerts_ask_for_metrics_that_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let proxy = Proxy::start(&["--spool", store.to_str().unwrap()]).await;
    let [(_, plain), _] = scraped(&proxy, "stored").await;
    let there: BTreeSet<&str> = plain
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let queries = queries();
    assert!(queries.len() > 25, "{queries:?}");
    for query in &queries {
        let names = names(query);
        assert!(!names.is_empty(), "{query}");
        for name in names {
            assert!(there.contains(name), "{query}: there is no {name}");
        }
    }
}

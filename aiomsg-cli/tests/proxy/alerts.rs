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

/// The label matchers in a query, as `label="value"`, each with the name of its metric.
fn matchers(query: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut pieces = query.split('{');
    let mut before = pieces.next().unwrap();
    for piece in pieces {
        let (inner, after) = piece.split_once('}').unwrap();
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let name = before.rsplit(|letter| !is_part(letter)).next().unwrap();
        let labels = inner.split(',').map(str::trim).filter(|it| !it.is_empty());
        found.extend(labels.map(|it| (name, it)));
        before = after;
    }
    found
}

/// Whether a scrape has a sample of this metric that a matcher selects. The labels `job` and
/// `instance` are of Prometheus.
fn selects(scrape: &str, name: &str, matcher: &str) -> bool {
    if matcher.starts_with("job=~") || matcher.starts_with("instance=~") {
        return true;
    }
    let mut samples = scrape.lines().filter_map(|line| {
        let (labels, _) = line
            .strip_prefix(name)?
            .strip_prefix('{')?
            .split_once('}')?;
        Some(labels)
    });
    samples.any(|labels| labels.split(',').any(|it| it == matcher))
}

#[test]
fn matchers_are_found_and_compared_with_a_scrape() {
    let query = "a_b{side=\"x\", job=~\"$job\"} > ignoring (place) 0.8 * c{place=\"y\"}";
    let found = [
        ("a_b", "side=\"x\""),
        ("a_b", "job=~\"$job\""),
        ("c", "place=\"y\""),
    ];
    assert_eq!(matchers(query), found);
    let scrape = "# TYPE a_b gauge\na_b{side=\"z\",state=\"x\"} 1\na_b_c{side=\"x\"} 1\n";
    assert!(selects(scrape, "a_b", "state=\"x\"") && selects(scrape, "a_b", "job=~\"$job\""));
    for wrong in ["side=\"x\"", "sid=\"z\"", "side=~\"z\"", "state=\"\""] {
        assert!(!selects(scrape, "a_b", wrong), "{wrong}");
    }
}

/// Labels that tell instances apart get lost in a join `on` some of them.
#[test]
fn no_query_joins_on_a_list_of_labels() {
    for query in queries() {
        assert!(!query.contains(" on ("), "{query}");
    }
}

/// The board added up the times of all instances, and showed a slow one among fast ones as a
/// fast one.
#[test]
fn quantiles_are_those_of_each_instance() {
    let mut quantiles = 0;
    for query in queries() {
        if query.contains("histogram_quantile") {
            quantiles += 1;
            let sums = query.contains("sum");
            let keeps = query.contains("sum by (le, instance, until) (rate(");
            assert!(!sums || keeps, "{query}");
        }
    }
    assert_eq!(quantiles, 3);
}

/// A board of several instances can show some of them.
#[test]
fn each_panel_shows_the_chosen_jobs_and_instances() {
    let of_the_board: Vec<_> = queries()
        .into_iter()
        .filter(|it| it.contains("$job"))
        .collect();
    assert!(of_the_board.len() > 20, "{of_the_board:?}");
    for query in of_the_board {
        let chosen = query.matches("{job=~\"$job\"").count();
        let instances = query
            .matches("{job=~\"$job\", instance=~\"$instance\"")
            .count();
        let is_variable = query.starts_with("label_values(");
        assert!(is_variable || chosen == instances, "{query}");
    }
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
    let variables = board["templating"]["list"].as_array().unwrap();
    for variable in variables.iter().filter(|it| it["type"] == "query") {
        let query = variable["query"]["query"].as_str().unwrap();
        queries.push(query.to_owned());
    }
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
        for (name, matcher) in matchers(query) {
            assert!(
                selects(&plain, name, matcher),
                "{query}: no {name} has {matcher}"
            );
        }
    }
}

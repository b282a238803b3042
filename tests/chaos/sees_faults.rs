//! The checker finds what is wrong, when something is.

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::plan::Plan;
use crate::rounds::{certificate, one};
use crate::world::Sabotage;

/// Whether one of some rounds with this sabotage is found to be faulty in this way.
async fn is_seen(sabotage: Sabotage, what: &str) -> bool {
    let tls = certificate();
    let rounds = (0..12).map(|seed| one(Plan::draw(seed), tls.clone(), Some(sabotage)));
    let mut rounds: FuturesUnordered<_> = rounds.collect();
    while let Some(outcome) = rounds.next().await {
        if outcome.faults.iter().any(|fault| fault.contains(what)) {
            return true;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_vanishes_is_seen() {
    assert!(is_seen(Sabotage::Forget, "messages vanished").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_comes_twice_is_seen() {
    assert!(is_seen(Sabotage::Repeat, "received 2 times").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_out_of_order_are_seen() {
    assert!(is_seen(Sabotage::Swap, "after number").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_changes_is_seen() {
    assert!(is_seen(Sabotage::Change, "was never sent").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_says_nothing_is_seen() {
    assert!(is_seen(Sabotage::Conceal, "messages vanished").await);
}

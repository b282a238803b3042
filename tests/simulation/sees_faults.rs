//! The checker finds what is wrong, when something is.

use crate::network::Brokenness;
use crate::plan::Plan;
use crate::run::run;
use crate::sabotage::{Meddler, Meddling, Sabotage};

/// Whether one of some runs with this sabotage is found to be faulty in this
/// way, and none without it.
fn is_seen(sabotage: impl Fn() -> Sabotage, what: &str) -> bool {
    (0..20).any(|seed| {
        let outcome = run(&Plan::draw(seed), Some(sabotage()));
        outcome.faults.iter().any(|fault| fault.contains(what))
    })
}

fn frames(how: Meddling) -> impl Fn() -> Sabotage {
    move || Sabotage::Frames(Meddler::new(how))
}

#[test]
fn a_message_that_vanishes_is_seen() {
    assert!(is_seen(frames(Meddling::Drop), "vanished"));
}

#[test]
fn a_message_that_comes_twice_is_seen() {
    assert!(is_seen(frames(Meddling::Repeat), "received 2 times"));
}

#[test]
fn messages_out_of_order_are_seen() {
    assert!(is_seen(frames(Meddling::Swap), "after number"));
}

#[test]
fn a_message_that_changes_is_seen() {
    assert!(is_seen(frames(Meddling::Change), "nobody ever sent"));
}

#[test]
fn an_acknowledgement_for_nothing_is_seen() {
    assert!(is_seen(
        frames(Meddling::Swallow),
        "acknowledged, and never received"
    ));
}

#[test]
fn a_tiny_message_that_vanishes_is_seen() {
    assert!(is_seen(frames(Meddling::DropTiny), "vanished; "));
}

#[test]
fn the_report_of_a_close_that_was_given_up_is_missed() {
    assert!(is_seen(|| Sabotage::LosesReports, "vanished"));
}

#[test]
fn bytes_that_the_network_repeats_are_seen() {
    let how = Brokenness {
        repeats: true,
        ..Brokenness::default()
    };
    assert!(is_seen(|| Sabotage::Network(how), "2 times"));
}

#[test]
fn a_flush_of_tls_that_is_not_done_is_seen() {
    let how = Brokenness {
        loses_one_in: 5,
        ..Brokenness::default()
    };
    assert!(is_seen(|| Sabotage::Network(how), "vanished"));
}

#[test]
fn a_link_that_is_slow_and_taken_for_dead_is_seen() {
    assert!(is_seen(|| Sabotage::Impatient, "was taken for dead"));
}

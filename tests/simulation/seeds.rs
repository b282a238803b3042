//! Many runs, each of another seed.

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use crate::plan::Plan;
use crate::run::{run, show};
use crate::tally::Tally;

/// As many seeds are run, unless the environment says otherwise.
const SEEDS: u64 = 300;

/// No run takes as long in real time, on whatever machine.
const STUCK: Duration = Duration::from_secs(120);

fn from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {value}")),
    )
}

/// What must hold, holds: for `AIOMSG_SIM_SEEDS` seeds, from `AIOMSG_SIM_FROM`
/// on.
#[test]
fn what_must_hold_holds() {
    let first = from_environment("AIOMSG_SIM_FROM").unwrap_or(0);
    let count = from_environment("AIOMSG_SIM_SEEDS").unwrap_or(SEEDS);
    let (report, reports) = sync_channel(16);
    std::thread::spawn(move || {
        for seed in first..first + count {
            let outcome = run(&Plan::draw(seed), None);
            if report.send((seed, outcome.faults, outcome.tally)).is_err() {
                return;
            }
        }
    });
    let (mut failed, mut tally) = (Vec::new(), Tally::default());
    for seed in first..first + count {
        match reports.recv_timeout(STUCK) {
            Ok((_, faults, happened)) if faults.is_empty() => tally.join(happened),
            Ok((seed, faults, _)) => {
                println!("seed {seed}:");
                for fault in faults.iter().take(5) {
                    println!("  {fault}");
                }
                failed.push(seed);
            }
            Err(error) => panic!("seed {seed}: {error}: {}", replay(seed)),
        }
    }
    let shown = failed.first().copied().map(replay);
    assert!(
        failed.is_empty(),
        "{} of {count} seeds failed: {failed:?}; to see one: {}",
        failed.len(),
        shown.unwrap_or_default()
    );
    println!("{count} seeds from {first} on:\n{tally}");
    if count >= SEEDS {
        let missing = tally.missing();
        assert!(missing.is_empty(), "none of {missing:?} in {count} runs");
    }
}

/// Where nothing goes wrong, no connection ends and every message arrives.
#[test]
fn nothing_is_lost_where_nothing_goes_wrong() {
    for seed in 0..60 {
        let outcome = run(&Plan::calm(seed), None);
        assert!(
            outcome.faults.is_empty(),
            "seed {seed}: {:#?}",
            outcome.faults
        );
    }
}

fn replay(seed: u64) -> String {
    format!("AIOMSG_SIM_SEED={seed} cargo test --test simulation -- replay --nocapture")
}

/// Runs `AIOMSG_SIM_SEED` once more, or the first one, and shows all that
/// happens.
#[test]
fn replay_one() {
    let seed = from_environment("AIOMSG_SIM_SEED").unwrap_or(0);
    let plan = match from_environment("AIOMSG_SIM_CALM") {
        Some(1) => Plan::calm(seed),
        _ => Plan::draw(seed),
    };
    for line in plan.lines() {
        println!("{line}");
    }
    let outcome = show(&plan);
    assert!(outcome.faults.is_empty(), "{:#?}", outcome.faults);
}

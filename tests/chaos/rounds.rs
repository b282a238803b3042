//! Many rounds, each of another seed.

use std::time::Duration;

use aiomsg::TlsConfig;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::authority::{Authority, Wanted};
use crate::plan::Plan;
use crate::round::{Outcome, run};
use crate::tally::Tally;
use crate::world::Sabotage;

/// How long rounds are begun.
const SECONDS: &str = "AIOMSG_CHAOS_SECONDS";

/// How many are under way at a time.
const AT_ONCE: &str = "AIOMSG_CHAOS_AT_ONCE";

/// The seed of the first round; the next ones follow.
const SEED: &str = "AIOMSG_CHAOS_SEED";

const DEFAULT_SECONDS: u64 = 5;

const DEFAULT_AT_ONCE: usize = 6;

/// In so many rounds everything happens that is to happen.
const MANY: usize = 60;

/// No round takes longer, on whatever machine.
const STUCK: Duration = Duration::from_secs(400);

fn from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    let number = value.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is not a number: {value}")))
}

pub(crate) fn certificate() -> TlsConfig {
    let authority = Authority::root("chaos");
    let issued = authority.issue(Wanted::named("a host"));
    issued.and_trust(&authority.pem())
}

pub(crate) async fn one(plan: Plan, tls: TlsConfig, sabotage: Option<Sabotage>) -> Outcome {
    within(plan, |plan| run(plan, tls, sabotage, false)).await
}

async fn within<F: Future<Output = Outcome>>(plan: Plan, run: impl FnOnce(Plan) -> F) -> Outcome {
    let seed = plan.seed;
    match timeout(STUCK, run(plan)).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("seed {seed} did not end within {STUCK:?}: {}", replay(seed)),
    }
}

/// Keeps what happened in a round: it may not happen again.
fn keep(seed: u64, lines: &[String]) -> String {
    let path = format!("{}/chaos-{seed}.txt", env!("CARGO_TARGET_TMPDIR"));
    let plan = Plan::draw(seed).lines();
    let lines = [plan.as_slice(), lines].concat().join("\n");
    std::fs::write(&path, lines).unwrap();
    path
}

fn replay(seed: u64) -> String {
    format!(
        "{SEED}={seed} cargo test --all-features --test chaos -- rounds::replay_one --nocapture"
    )
}

/// What must hold, holds: for the rounds from the first seed on, or from the one that
/// the environment gives.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_must_hold_holds() {
    let length = Duration::from_secs(from_environment(SECONDS).unwrap_or(DEFAULT_SECONDS));
    let at_once = from_environment(AT_ONCE).map_or(DEFAULT_AT_ONCE, |count| count as usize);
    let mut next = from_environment(SEED).unwrap_or(0);
    let (begin, tls) = (Instant::now(), certificate());
    let (first, mut count, mut failed, mut tally) = (next, 0, Vec::new(), Tally::default());
    let mut rounds = JoinSet::new();
    loop {
        while rounds.len() < at_once && begin.elapsed() < length {
            let (seed, tls) = (next, tls.clone());
            next += 1;
            rounds.spawn(async move { (seed, one(Plan::draw(seed), tls, None).await) });
        }
        let Some(ended) = rounds.join_next().await else {
            break;
        };
        let (seed, outcome) = ended.unwrap();
        count += 1;
        tally.join(outcome.tally);
        if !outcome.faults.is_empty() {
            let (count, path) = (outcome.faults.len(), keep(seed, &outcome.lines));
            println!("seed {seed}: {count} faults, and what happened is in {path}");
            for fault in outcome.faults.iter().take(6) {
                println!("  {fault}");
            }
            failed.push(seed);
        }
    }
    println!("{count} rounds from seed {first} on:\n{tally}");
    let shown = failed.first().copied().map(replay).unwrap_or_default();
    assert!(
        failed.is_empty(),
        "{} of {count} rounds failed: {failed:?}; to see one: {shown}",
        failed.len()
    );
    if count >= MANY {
        let missing = tally.missing();
        assert!(missing.is_empty(), "none of {missing:?} in {count} rounds");
    }
}

/// Runs `AIOMSG_CHAOS_SEED` once more, or the first one, and shows what it was like.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replay_one() {
    let plan = Plan::draw(from_environment(SEED).unwrap_or(0));
    plan.lines().iter().for_each(|line| println!("{line}"));
    let outcome = within(plan, |plan| run(plan, certificate(), None, true)).await;
    println!("{}", outcome.tally);
    assert!(outcome.faults.is_empty(), "{:#?}", outcome.faults);
}

//! A seed says all that happens.

use crate::plan::Plan;
use crate::run::run;

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..60 {
        let plan = Plan::draw(seed);
        let [one, two] = [run(&plan, None), run(&plan, None)];
        let differs = one.lines.iter().zip(&two.lines).position(|(a, b)| a != b);
        if let Some(at) = differs {
            let line = |lines: &[String]| lines[at].clone();
            panic!(
                "seed {seed}, line {at}:\n{}\n{}",
                line(&one.lines),
                line(&two.lines)
            );
        }
        assert_eq!(one.hash, two.hash, "seed {seed}");
    }
}

#[test]
fn other_seeds_are_other_runs() {
    let hash = |seed| run(&Plan::draw(seed), None).hash;
    assert_ne!(hash(1), hash(2));
}

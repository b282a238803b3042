//! `aiomsg spool verify`: whether a store is as it was written.

use aiomsg_spool::inspect::{Part, Problem, Verified};
use clap::Args;
use serde::Serialize;

use super::row::{Amount, amount, name};
use super::{StoreArgs, open};
use crate::common::failure::{Failure, Outcome};
use crate::common::print;

/// Verifies a store: its file, the checksum of each message, and the totals
///
/// Each problem is a line. The code is 1 if there is one.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    store: StoreArgs,
}

/// A problem as JSON.
#[derive(Debug, Serialize)]
struct Row {
    problem: &'static str,
    part: Option<&'static str>,
    /// The places, from the first to the last.
    from: Option<u64>,
    to: Option<u64>,
    text: String,
}

#[derive(Debug, Serialize)]
struct Summary {
    ok: bool,
    problems: u64,
    /// What is whole.
    waiting: Amount,
    dead: Amount,
}

pub(super) fn run(args: &VerifyArgs) -> Outcome {
    let dir = &args.store.dir;
    let inspector = open::to_read(dir)?;
    let mut written = Ok(());
    let verified = inspector.verify(&mut |problem| {
        let write = || match args.store.json {
            true => print::print_line(&row(&problem)),
            false => print::print_text(&format!("{problem}\n")),
        };
        if written.is_ok() {
            written = write();
        }
    });
    let verified = verified.map_err(|error| open::failure(dir, &error))?;
    written?;
    summary(&verified, args.store.json)?;
    match verified.problems {
        0 => Ok(()),
        problems => Err(Failure::failed(format!(
            "{dir}: {problems} {}; \"aiomsg spool export {dir}\" writes what can be read",
            if problems == 1 { "problem" } else { "problems" },
            dir = dir.display(),
        ))),
    }
}

fn summary(verified: &Verified, as_json: bool) -> Outcome {
    if as_json {
        return print::print_line(&Summary {
            ok: verified.problems == 0,
            problems: verified.problems,
            waiting: verified.waiting.into(),
            dead: verified.dead.into(),
        });
    }
    print::print_text(&format!(
        "whole: {}; {}\n",
        amount(Part::Waiting, verified.waiting),
        amount(Part::Dead, verified.dead)
    ))
}

fn row(problem: &Problem) -> Row {
    let (kind, part, places) = match problem {
        Problem::Structure(_) => ("structure", None, None),
        Problem::Changed { part, place } => ("changed", Some(*part), Some((*place, *place))),
        Problem::Unreadable { part, places } => {
            let places = (*places.start(), *places.end());
            ("unreadable", Some(*part), Some(places))
        }
        Problem::Twice { place } => ("twice", None, Some((*place, *place))),
        Problem::Totals { part, .. } => ("totals", Some(*part), None),
        Problem::Next { place } => ("next", None, Some((*place, *place))),
        _ => ("other", None, None),
    };
    Row {
        problem: kind,
        part: part.map(name),
        from: places.map(|(from, _)| from),
        to: places.map(|(_, to)| to),
        text: problem.to_string(),
    }
}

//! `aiomsg spool stats`: how much a store holds.

use std::fmt::Write;

use aiomsg_spool::store::Usage;
use clap::Args;
use serde::Serialize;

use super::row::{Amount, age, since, size, time};
use super::{StoreArgs, open};
use crate::common::failure::Outcome;
use crate::common::print;

/// Counts the messages of a store
///
/// The numbers are those that the store keeps: verify counts the messages themselves.
#[derive(Debug, Args)]
pub(super) struct StatsArgs {
    #[command(flatten)]
    store: StoreArgs,
}

fn words(usage: Usage) -> String {
    let what = match usage.messages {
        1 => "message",
        _ => "messages",
    };
    format!("{} {what}, {}", usage.messages, size(usage.bytes))
}

#[derive(Debug, Serialize)]
struct Stats {
    version: i64,
    waiting: Amount,
    dead: Amount,
    oldest: Option<String>,
    oldest_age_seconds: Option<f64>,
    disk_bytes: u64,
    next_place: u64,
}

pub(super) fn run(args: &StatsArgs) -> Outcome {
    let dir = &args.store.dir;
    let stats = open::to_read(dir)?.stats();
    let stats = stats.map_err(|error| open::failure(dir, &error))?;
    if args.store.json {
        return print::print_line(&Stats {
            version: stats.version,
            waiting: stats.waiting.into(),
            dead: stats.dead.into(),
            oldest: stats.oldest.map(time),
            oldest_age_seconds: stats.oldest.map(|at| since(at).as_secs_f64()),
            disk_bytes: stats.disk_bytes,
            next_place: stats.next_place,
        });
    }
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<10} {value}");
    };
    line(
        "store",
        &format!("{}, version {}", dir.display(), stats.version),
    );
    line("waiting", &words(stats.waiting));
    if let Some(oldest) = stats.oldest {
        line("oldest", &format!("{}, {} ago", time(oldest), age(oldest)));
    }
    line("dead", &words(stats.dead));
    line("on disk", &size(stats.disk_bytes).to_string());
    print::print_text(&text)
}

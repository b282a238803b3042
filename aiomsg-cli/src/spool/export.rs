//! `aiomsg spool export`: all that can be read of a store, also of a damaged one.

use std::path::Path;

use aiomsg_spool::inspect::{Found, Inspector, Part};
use aiomsg_spool::store::Usage;
use clap::Args;

use super::row::Row;
use super::{StoreArgs, open};
use crate::common::failure::{Failure, Outcome};
use crate::common::print;
use crate::common::say::say;

/// Writes the messages of a store to standard output, an object on a line
///
/// First those that wait, then the dead letters. A payload is text, or base64 if it is not
/// UTF-8. Of a damaged store it writes all that can be read, reports which places cannot
/// be, and ends with code 1; a message whose checksum is wrong has "damaged": true.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The dead letters only.
    #[arg(long, conflicts_with = "waiting")]
    dead: bool,
    /// The messages that wait only.
    #[arg(long)]
    waiting: bool,
    /// The number of messages at most.
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u64>,
}

pub(super) fn run(args: &ExportArgs) -> Outcome {
    let dir = &args.store.dir;
    let mut export = Export {
        inspector: open::to_read(dir)?,
        dir,
        left: args.limit.unwrap_or(u64::MAX),
        damaged: 0,
        lost: 0,
        is_read: true,
    };
    if !args.dead {
        export.part(Part::Waiting)?;
    }
    if !args.waiting {
        export.part(Part::Dead)?;
    }
    export.outcome()
}

struct Export<'a> {
    inspector: Inspector,
    dir: &'a Path,
    /// How many messages may still be written.
    left: u64,
    /// The messages with a wrong checksum.
    damaged: u64,
    /// The messages that could not be read: at most, where the totals cannot be read either.
    lost: u64,
    /// Whether somebody reads standard output.
    is_read: bool,
}

impl Export<'_> {
    fn part(&mut self, part: Part) -> Outcome {
        let wrong = |error| open::failure(self.dir, &error);
        let said = self.inspector.stats().ok().map(|stats| match part {
            Part::Waiting => stats.waiting,
            Part::Dead => stats.dead,
        });
        let mut walk = self.inspector.walk(part).map_err(wrong)?;
        let (mut written, mut places) = (0, 0);
        while self.left > 0 && self.is_read {
            let Some(found) = walk.read().map_err(wrong)? else {
                break;
            };
            let mut messages = Vec::with_capacity(found.len());
            for found in found {
                match found {
                    Found::Message(message) => messages.push(message),
                    Found::Unreadable(range) => {
                        let (from, to) = (range.start(), range.end());
                        say(format_args!(
                            "note: places {from} to {to} ({part}) cannot be read"
                        ));
                        places += to - from + 1;
                    }
                }
            }
            messages.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= messages.len() as u64;
            written += messages.len() as u64;
            self.damaged += messages.iter().filter(|it| !it.is_intact).count() as u64;
            let rows = messages.iter().map(|it| Row::with_payload(part, it));
            self.is_read = print::print_page(&print::lines(rows)?)?;
        }
        self.lost += lost(said, written, places);
        Ok(())
    }

    fn outcome(&self) -> Outcome {
        let (dir, lost, damaged) = (self.dir.display(), self.lost, self.damaged);
        match lost + damaged {
            0 => Ok(()),
            _ => Err(Failure::failed(format!(
                "{dir}: {lost} messages could not be read, and {damaged} that were written are \
                 damaged"
            ))),
        }
    }
}

/// Not each place that cannot be read had a message.
fn lost(said: Option<Usage>, written: u64, places: u64) -> u64 {
    match (places, said) {
        (0, _) | (_, None) => places,
        // Messages may have come or gone meanwhile, so one is lost at least.
        (_, Some(said)) => said.messages.saturating_sub(written).clamp(1, places),
    }
}

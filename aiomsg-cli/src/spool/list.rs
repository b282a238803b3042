//! `aiomsg spool ls`: the messages of a store, a page at a time.

use std::fmt::Write;

use aiomsg_spool::inspect::{Listed, Part};
use clap::Args;

use super::row::{Dead, Row, age, size};
use super::{StoreArgs, open};
use crate::common::failure::Outcome;
use crate::common::identity;
use crate::common::print;
use crate::common::say::say;
use crate::recv::escaped;

/// Lists the messages of a store, the oldest first
///
/// They are in the order of their places, by which show, requeue and purge know them.
/// A message whose consumer has not acknowledged it yet is waiting, too.
#[derive(Debug, Args)]
pub(super) struct LsArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    dead: Dead,
    /// The number of messages to list at most.
    #[arg(long, short = 'n', value_name = "N", default_value = "100")]
    limit: u64,
    /// Begins behind this place.
    #[arg(
        long,
        value_name = "PLACE",
        default_value = "0",
        hide_default_value = true
    )]
    after: u64,
}

/// The messages that are read at once.
const PAGE: u64 = 500;

/// The characters of a payload that a line has.
const START: usize = 40;

pub(super) fn run(args: &LsArgs) -> Outcome {
    let dir = &args.store.dir;
    let inspector = open::to_read(dir)?;
    let part = args.dead.part();
    let mut table = Table::new(part);
    let (mut behind, mut left) = (args.after, args.limit);
    loop {
        // One more shows whether there is more.
        let most = left.saturating_add(1).min(PAGE);
        let page = inspector.list(part, behind, most as usize);
        let mut page = page.map_err(|error| open::failure(dir, &error))?;
        let is_last = (page.len() as u64) < most;
        let more = page.len() as u64 > left;
        page.truncate(left as usize);
        let text = match args.store.json {
            true => print::lines(page.iter().map(|it| Row::of(part, it)))?,
            false => table.page(&page).into_bytes(),
        };
        let is_read = print::print_page(&text)?;
        behind = page.last().map_or(behind, |it| it.place);
        left -= page.len() as u64;
        if more && is_read {
            say(format_args!(
                "note: there are more: add --after {behind}, or a larger --limit"
            ));
        }
        if is_last || more || !is_read {
            return Ok(());
        }
    }
}

// ===== Table =====

struct Table {
    part: Part,
    /// The width of the column of peers, by the first page.
    peers: Option<usize>,
}

impl Table {
    fn new(part: Part) -> Self {
        Self { part, peers: None }
    }

    fn page(&mut self, page: &[Listed]) -> String {
        let mut text = String::new();
        let is_first = self.peers.is_none();
        let peers = page.iter().map(|it| peer(it).chars().count());
        let width = *self.peers.get_or_insert(peers.max().unwrap_or(0).max(4));
        if is_first {
            let last = match self.part {
                Part::Waiting => "text",
                Part::Dead => "reason",
            };
            let names = ["place", "age", "tries", "size", "peer", last];
            line(&mut text, width, names.map(str::to_owned));
        }
        for it in page {
            let last = match &it.death {
                Some(death) => escaped(death.reason.as_bytes()),
                None => start(it),
            };
            let values = [
                it.place.to_string(),
                age(it.at),
                it.tries.to_string(),
                size(it.size).to_string(),
                peer(it),
                last,
            ];
            line(&mut text, width, values);
        }
        text
    }
}

fn line(text: &mut String, width: usize, [place, age, tries, size, peer, last]: [String; 6]) {
    let line = format!("{place:>8} {age:>11} {tries:>5} {size:>9} {peer:<width$} {last}");
    let _ = writeln!(text, "{}", line.trim_end());
}

fn peer(message: &Listed) -> String {
    let peer = message.peer.as_ref();
    peer.map_or_else(|| "-".to_owned(), identity::show)
}

/// The start of a payload that is text.
fn start(message: &Listed) -> String {
    let bytes = message.start.as_deref().unwrap_or_default();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // It may be cut within a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return String::new(),
    };
    let line = text.lines().next().unwrap_or_default();
    let kept: String = line.chars().take(START).collect();
    let cut = kept.len() as u64 != message.size;
    let more = if cut && !kept.is_empty() { "…" } else { "" };
    format!("{}{more}", escaped(kept.as_bytes()))
}

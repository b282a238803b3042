//! Whether a store is as it was written.

use std::fmt;
use std::ops::RangeInclusive;

use super::walk::is_damage;
use super::{Found, Inspector, Part};
use crate::SpoolError;
use crate::embedded::db::{self, Totals};
use crate::embedded::{row, schema};
use crate::store::Usage;

/// The most problems of its structure that SQLite looks for.
const STRUCTURE: &str = "PRAGMA integrity_check(100)";

/// Something that is wrong with a store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// SQLite's words for a fault in the structure of its file.
    Structure(String),
    /// The bytes of a message are not those that were stored.
    Changed {
        /// Its part.
        part: Part,
        /// Its place.
        place: u64,
    },
    /// These places cannot be read. Not each one had a message.
    Unreadable {
        /// Their part.
        part: Part,
        /// The places.
        places: RangeInclusive<u64>,
    },
    /// A message waits, and is a dead letter as well.
    Twice {
        /// Its place.
        place: u64,
    },
    /// The totals are not those of the messages.
    Totals {
        /// The part.
        part: Part,
        /// What the totals say.
        said: Usage,
        /// What was counted.
        counted: Usage,
    },
    /// The place of the next message is taken.
    Next {
        /// The place.
        place: u64,
    },
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting => "waiting",
            Self::Dead => "dead",
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Structure(text) => write!(f, "the file: {text}"),
            Self::Changed { part, place } => write!(
                f,
                "place {place} ({part}): the bytes are not those that were stored"
            ),
            Self::Unreadable { part, places } => write!(
                f,
                "places {} to {} ({part}): the file is damaged there",
                places.start(),
                places.end()
            ),
            Self::Twice { place } => {
                write!(f, "place {place}: it waits, and is a dead letter as well")
            }
            Self::Totals {
                part,
                said,
                counted,
            } => write!(
                f,
                "totals ({part}): {} messages with {} bytes are said, {} with {} are there",
                said.messages, said.bytes, counted.messages, counted.bytes
            ),
            Self::Next { place } => write!(f, "totals: the next place, {place}, is taken"),
        }
    }
}

/// What was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Verified {
    /// The waiting messages that were read and are whole.
    pub waiting: Usage,
    /// The dead letters that were read and are whole.
    pub dead: Usage,
    /// How many problems were reported.
    pub problems: u64,
}

pub(super) fn verify(
    inspector: &Inspector,
    report: &mut dyn FnMut(Problem),
) -> Result<Verified, SpoolError> {
    let mut verified = Verified::default();
    let mut report = |problem| {
        verified.problems += 1;
        report(problem);
    };
    structure(inspector, &mut report)?;
    totals(inspector, &mut report)?;
    let waiting = messages(inspector, Part::Waiting, &mut report)?;
    let dead = messages(inspector, Part::Dead, &mut report)?;
    (verified.waiting, verified.dead) = (waiting, dead);
    Ok(verified)
}

fn structure(inspector: &Inspector, report: &mut dyn FnMut(Problem)) -> Result<(), SpoolError> {
    let mut read = || {
        let mut statement = inspector.connection.prepare(STRUCTURE)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let said: String = row.get(0)?;
            // Several faults of one table are one row.
            for line in said.lines().filter(|line| is_fault(line)) {
                report(Problem::Structure(line.to_owned()));
            }
        }
        Ok(())
    };
    match read() {
        Err(error) if is_damage(&error) => {
            report(Problem::Structure(error.to_string()));
            Ok(())
        }
        done => done.map_err(|error| inspector.wrong(error)),
    }
}

fn is_fault(line: &str) -> bool {
    line != "ok" && !line.trim().is_empty() && !line.starts_with("***")
}

/// One moment of the store: a process may write it meanwhile.
fn totals(inspector: &Inspector, report: &mut dyn FnMut(Problem)) -> Result<(), SpoolError> {
    let counted = inspector
        .connection
        .unchecked_transaction()
        .and_then(|moment| {
            let totals = db::totals(&moment)?;
            let headers = schema::headers(&moment)?;
            let waiting = count(&moment, headers, Part::Waiting)?;
            let dead = count(&moment, headers, Part::Dead)?;
            let mut both = moment.prepare("SELECT seq FROM dead JOIN messages USING (seq)")?;
            let mut rows = both.query([])?;
            while let Some(row) = rows.next()? {
                let place = row.get::<_, i64>(0)?.unsigned_abs();
                report(Problem::Twice { place });
            }
            Ok((totals, waiting, dead))
        });
    match counted {
        Ok((totals, waiting, dead)) => {
            compare(totals, waiting, dead, report);
            Ok(())
        }
        Err(error) if is_damage(&error) => {
            let said = format!("the messages cannot be counted: {error}");
            report(Problem::Structure(said));
            Ok(())
        }
        Err(error) => Err(inspector.wrong(error)),
    }
}

/// What a part holds, and its last place.
type Counted = (Usage, u64);

fn count(moment: &rusqlite::Connection, headers: &str, part: Part) -> rusqlite::Result<Counted> {
    let statement = format!(
        "SELECT count(*), coalesce(sum({}), 0), coalesce(max(seq), 0) FROM {} AS m",
        row::weight(headers),
        part.table(),
    );
    moment.query_row(&statement, [], |row| {
        let number = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
        let usage = Usage {
            messages: number(0)?,
            bytes: number(1)?,
        };
        Ok((usage, number(2)?))
    })
}

fn compare(totals: Totals, waiting: Counted, dead: Counted, report: &mut dyn FnMut(Problem)) {
    for (part, said, (counted, last)) in [
        (Part::Waiting, totals.waiting, waiting),
        (Part::Dead, totals.dead, dead),
    ] {
        if said != counted {
            report(Problem::Totals {
                part,
                said,
                counted,
            });
        }
        if last >= totals.next {
            let place = totals.next;
            report(Problem::Next { place });
        }
    }
}

fn messages(
    inspector: &Inspector,
    part: Part,
    report: &mut dyn FnMut(Problem),
) -> Result<Usage, SpoolError> {
    let mut whole = Usage::default();
    let mut walk = inspector.walk(part)?;
    while let Some(found) = walk.read()? {
        for found in found {
            match found {
                Found::Message(message) if message.is_intact => {
                    whole.messages += 1;
                    whole.bytes += message.weight();
                }
                Found::Message(message) => {
                    let place = message.place;
                    report(Problem::Changed { part, place });
                }
                Found::Unreadable(places) => report(Problem::Unreadable { part, places }),
            }
        }
    }
    Ok(whole)
}

//! Reading a part of a store from one end to the other, around what is damaged.

use std::ops::RangeInclusive;

use rusqlite::{Connection, ErrorCode, params};

use super::message::{self, Message};
use super::{Inspector, Part};
use crate::SpoolError;
use crate::embedded::db::{self, signed};
use crate::error::is_of_content;

/// The most messages, and bytes of payload but for the last one, that are read at once.
const MOST: usize = 256;
const MOST_BYTES: usize = 1 << 20;

/// The most places that are tried at once behind damage.
const PROBES: usize = 4096;

/// The places of a gap that are tried one by one.
const EACH: u64 = 16_384;

/// The most places of a leap.
const LEAP: u64 = 256;

/// The places that are tried behind damage where the last place is unknown, too.
const BLIND: u64 = 1 << 20;

/// What a [`Walk`] has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A message, which may be damaged itself.
    Message(Box<Message>),
    /// Places whose part of the file cannot be read. Not each one had a message.
    Unreadable(RangeInclusive<u64>),
}

/// The way through places that cannot be read.
#[derive(Debug, Clone, Copy)]
struct Gap {
    /// The next place to try.
    place: u64,
    /// The last place that was tried, before that one.
    tried: u64,
    /// The place behind the last one to try.
    end: u64,
}

impl Gap {
    /// Each place is tried. In a wide gap, as where many messages were deleted, that would
    /// take long: there it leaps, and comes back from where it lands.
    fn go_on(&mut self, first: u64) {
        let step = 1 + (self.place - first) / EACH;
        let next = self.place.saturating_add(step.min(LEAP));
        self.tried = self.place;
        // The last one is not leapt over.
        self.place = next.min(self.end.saturating_sub(1)).max(self.place + 1);
    }

    fn has_leapt(&self) -> bool {
        self.place > self.tried + 1
    }

    /// It has landed behind the gap: the first place that it has leapt over is next.
    fn go_back(&mut self) {
        self.place = self.tried + 1;
    }
}

/// A way through all messages of a part. See [`Inspector::walk`].
///
/// A damaged page of the file has several messages, and says no more where they end. The
/// walk tries one place after the other until the file can be read again. In a gap of more
/// than 16,384 places it leaps up to 256 of them, and may leave out whole messages between
/// two damaged pages that are closer than that.
#[derive(Debug)]
pub struct Walk<'a> {
    inspector: &'a Inspector,
    part: Part,
    /// The last place that was read.
    behind: u64,
    /// The place behind the last one, if the store says it.
    end: Option<u64>,
    /// The places behind that one which cannot be read.
    gap: Option<Gap>,
    /// Whether the last page was empty, and there seemed to be more behind it.
    is_doubtful: bool,
    is_over: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(inspector: &'a Inspector, part: Part) -> Result<Self, SpoolError> {
        let end = match db::totals(&inspector.connection) {
            Ok(totals) => Some(totals.next),
            Err(error) if is_damage(&error) => None,
            Err(error) => return Err(inspector.wrong(error)),
        };
        Ok(Self {
            inspector,
            part,
            behind: 0,
            end,
            gap: None,
            is_doubtful: false,
            is_over: false,
        })
    }

    /// Reads on: a bounded amount of messages. None at the end. It may be empty before that,
    /// while places behind damage are tried.
    ///
    /// # Errors
    ///
    /// When the store cannot be read, other than by damage.
    pub fn read(&mut self) -> Result<Option<Vec<Found>>, SpoolError> {
        if self.is_over {
            return Ok(None);
        }
        let read = match self.gap {
            Some(gap) => self.behind_damage(gap),
            None => self.page(),
        };
        read.map(Some).map_err(|error| self.inspector.wrong(error))
    }

    fn page(&mut self) -> rusqlite::Result<Vec<Found>> {
        let mut found = Vec::new();
        let read = self.read_into(&mut found);
        let read = read.and_then(|()| match found.is_empty() && self.gap.is_none() {
            true => self.end(),
            false => {
                self.is_doubtful = false;
                Ok(())
            }
        });
        match read {
            Err(error) if is_damage(&error) => self.gap = Some(self.new_gap()),
            read => read?,
        }
        Ok(found)
    }

    /// Nothing was found. A damaged tree may end too early, which shows from its other end.
    /// A message may also have been set aside just now: then the next page has it.
    fn end(&mut self) -> rusqlite::Result<()> {
        let last = self.inspector.last(self.part, self.end)?;
        match last.is_some_and(|last| last > self.behind) {
            true if self.is_doubtful => self.gap = Some(self.new_gap()),
            true => self.is_doubtful = true,
            false => self.is_over = true,
        }
        Ok(())
    }

    fn read_into(&mut self, found: &mut Vec<Found>) -> rusqlite::Result<()> {
        let inspector = self.inspector;
        inspector.at_a_moment(|connection, headers| self.read_page(connection, headers, found))
    }

    fn read_page(
        &mut self,
        connection: &Connection,
        headers: &str,
        found: &mut Vec<Found>,
    ) -> rusqlite::Result<()> {
        let statement = message::statement(self.part, headers, "seq > ?");
        let mut statement = connection.prepare_cached(&statement)?;
        let mut rows = statement.query(params![signed(self.behind), signed(MOST as u64)])?;
        let mut weight = 0;
        while let Some(row) = rows.next()? {
            let message = message::message(row)?;
            if self.is_beyond(message.place) {
                return Ok(());
            }
            if message.place <= self.behind {
                // The tree is damaged: its messages are out of order.
                self.gap = Some(self.new_gap());
                return Ok(());
            }
            self.behind = message.place;
            weight += message.payload.len() + message.headers.as_bytes().len();
            found.push(Found::Message(Box::new(message)));
            if weight >= MOST_BYTES {
                break;
            }
        }
        Ok(())
    }

    fn new_gap(&self) -> Gap {
        let place = self.behind + 1;
        Gap {
            place,
            tried: self.behind,
            end: self.end.unwrap_or(place.saturating_add(BLIND)),
        }
    }

    /// Whether a message came after the walk began. With a damaged tree, it may be anything.
    fn is_beyond(&self, place: u64) -> bool {
        self.end.is_some_and(|end| place >= end)
    }

    fn behind_damage(&mut self, mut gap: Gap) -> rusqlite::Result<Vec<Found>> {
        let first = self.behind + 1;
        for _ in 0..PROBES {
            if gap.place >= gap.end {
                return Ok(self.over(first, gap.end));
            }
            let found = match self.inspector.first(self.part, gap.place) {
                Ok(Some(message)) => {
                    // The places of a damaged page may be anything.
                    let is_found = message.place >= gap.place && !self.is_beyond(message.place);
                    is_found.then_some(Some(message))
                }
                Ok(None) => Some(None),
                Err(error) if is_damage(&error) => None,
                Err(error) => return Err(error),
            };
            match found {
                None => gap.go_on(first),
                Some(_) if gap.has_leapt() => gap.go_back(),
                Some(None) => return Ok(self.over(first, gap.place)),
                Some(Some(message)) => return Ok(self.behind_gap(first, message)),
            }
        }
        self.gap = Some(gap);
        Ok(Vec::new())
    }

    /// The file can be read again, from this message on.
    fn behind_gap(&mut self, first: u64, message: Message) -> Vec<Found> {
        self.gap = None;
        self.behind = message.place;
        let is_gap = first < message.place;
        let unreadable = is_gap.then(|| Found::Unreadable(first..=message.place - 1));
        let message = Found::Message(Box::new(message));
        unreadable.into_iter().chain([message]).collect()
    }

    /// Nothing can be read from this place to that one, and nothing is behind it.
    fn over(&mut self, damage: u64, end: u64) -> Vec<Found> {
        self.is_over = true;
        let unreadable = damage..=end.saturating_sub(1).max(damage);
        vec![Found::Unreadable(unreadable)]
    }
}

/// Whether a part of the file is not as it was written.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) || is_of_content(error)
}

//! Reading a part of a store from one end to the other, around what is damaged.

use std::ops::RangeInclusive;

use rusqlite::{ErrorCode, params};

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

/// A way through all messages of a part. See [`Inspector::walk`].
///
/// A damaged page of the file has several messages, and says no more where they end. The
/// walk tries one place after the other until the file can be read again, so that it leaves
/// out none that is whole.
#[derive(Debug)]
pub struct Walk<'a> {
    inspector: &'a Inspector,
    part: Part,
    /// The last place that was read.
    behind: u64,
    /// The place behind the last one, if the store says it.
    end: Option<u64>,
    /// The next place to try behind damage.
    probe: Option<u64>,
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
            probe: None,
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
        let read = match self.probe {
            Some(place) => self.behind_damage(place),
            None => self.page(),
        };
        read.map(Some).map_err(|error| self.inspector.wrong(error))
    }

    fn page(&mut self) -> rusqlite::Result<Vec<Found>> {
        let mut found = Vec::new();
        let read = self.read_into(&mut found);
        let read = read.and_then(|()| match found.is_empty() && self.probe.is_none() {
            true => self.end(),
            false => Ok(self.is_doubtful = false),
        });
        match read {
            Err(error) if is_damage(&error) => self.probe = Some(self.behind + 1),
            read => read?,
        }
        Ok(found)
    }

    /// Nothing was found. A damaged tree may end too early, which shows from its other end.
    /// A message may also have been set aside just now: then the next page has it.
    fn end(&mut self) -> rusqlite::Result<()> {
        let last = self.inspector.last(self.part, self.end)?;
        match last.is_some_and(|last| last > self.behind) {
            true if self.is_doubtful => self.probe = Some(self.behind + 1),
            true => self.is_doubtful = true,
            false => self.is_over = true,
        }
        Ok(())
    }

    fn read_into(&mut self, found: &mut Vec<Found>) -> rusqlite::Result<()> {
        let connection = &self.inspector.connection;
        let statement = message::statement(self.part, "seq > ?");
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
                self.probe = Some(self.behind + 1);
                return Ok(());
            }
            self.behind = message.place;
            weight += message.payload.len();
            found.push(Found::Message(Box::new(message)));
            if weight >= MOST_BYTES {
                break;
            }
        }
        Ok(())
    }

    /// Whether a message came after the walk began. With a damaged tree, it may be anything.
    fn is_beyond(&self, place: u64) -> bool {
        self.end.is_some_and(|end| place >= end)
    }

    fn behind_damage(&mut self, first: u64) -> rusqlite::Result<Vec<Found>> {
        let damage = self.behind + 1;
        let last = self.end.unwrap_or(damage.saturating_add(BLIND));
        for place in (first..last).take(PROBES) {
            match self.inspector.first(self.part, place) {
                Ok(Some(message)) if message.place < place || self.is_beyond(message.place) => {}
                Ok(Some(message)) => {
                    self.probe = None;
                    self.behind = message.place;
                    let unreadable = Found::Unreadable(damage..=message.place - 1);
                    let lacks = damage < message.place;
                    let unreadable = lacks.then_some(unreadable);
                    let message = Found::Message(Box::new(message));
                    return Ok(unreadable.into_iter().chain([message]).collect());
                }
                Ok(None) => return Ok(self.over(damage, place)),
                Err(error) if is_damage(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let next = first.saturating_add(PROBES as u64);
        if next >= last {
            return Ok(self.over(damage, last));
        }
        self.probe = Some(next);
        Ok(Vec::new())
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

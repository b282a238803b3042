//! Messages that were on their way when connections ended.
//!
//! One of them may be the reason. Sent again together, they would end the next connection
//! together, and be dropped together. So they are sent once more as they came, in case none of
//! them was the reason; then a few at a time; and then each by itself.

use std::collections::HashMap;

use aiomsg_core::Identity;

/// The most that are on their way in one go.
const MOST: usize = 64;

/// How carefully to send a message again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    None,
    /// With a few others.
    Few,
    /// By itself.
    Alone,
}

impl Care {
    /// The care after this many connections in a row have ended while the message was on its
    /// way. The last try is one by itself.
    pub(super) fn of(lost: u32, max_resends: u32) -> Self {
        match lost + 3u32.saturating_sub(max_resends) {
            _ if lost == 0 => Self::None,
            0 | 1 => Self::None,
            2 => Self::Few,
            _ => Self::Alone,
        }
    }
}

/// The suspects on their way, for each addressed peer, and for all other messages together.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    lines: HashMap<Option<Identity>, Line>,
}

#[derive(Debug, Default)]
struct Line {
    out: usize,
    alone: bool,
    /// How many beyond the first may be on their way at once.
    more: usize,
}

impl Suspects {
    /// Whether one more may go now. It counts from then on.
    pub(super) fn admit(&mut self, peer: Option<&Identity>, care: Care) -> bool {
        let alone = match care {
            Care::None => return true,
            Care::Few => false,
            Care::Alone => true,
        };
        let line = self.lines.entry(peer.cloned()).or_default();
        let fits = match alone {
            true => line.out == 0,
            false => !line.alone && line.out <= line.more,
        };
        if fits {
            line.out += 1;
            line.alone = alone;
        }
        fits
    }

    /// Notes that one of them is no longer on its way. If it was harmless, more may go at once.
    pub(super) fn release(&mut self, peer: Option<&Identity>, well: bool) {
        let Some(line) = self.lines.get_mut(&peer.cloned()) else {
            return;
        };
        line.out = line.out.saturating_sub(1);
        line.alone &= line.out > 0;
        line.more = match well {
            true => (2 * line.more + 1).min(MOST - 1),
            false => 0,
        };
    }

    /// Forgets all, because no messages are left.
    pub(super) fn clear(&mut self) {
        self.lines.clear();
    }
}

#[cfg(test)]
mod tests;

//! The addresses of a name, and their changes.

use std::collections::BTreeSet;
use std::net::SocketAddr;

/// A change of the addresses of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The new addresses, in order.
    pub added: Vec<SocketAddr>,
    /// The addresses that are gone, in order.
    pub removed: Vec<SocketAddr>,
    /// The number of addresses beyond the bound, which are not followed.
    pub omitted: usize,
}

/// The followed addresses.
#[derive(Debug, Default)]
pub(super) struct Roster {
    addresses: BTreeSet<SocketAddr>,
    omitted: usize,
}

impl Roster {
    pub(super) fn len(&self) -> usize {
        self.addresses.len()
    }

    /// The change that is none.
    pub(super) fn unchanged(&self) -> Change {
        Change {
            omitted: self.omitted,
            ..Change::default()
        }
    }

    /// Replaces the addresses by those of an answer, up to `most`. Returns the change, if
    /// there is any.
    ///
    /// Of too many, the followed ones stay. The others are chosen at random, so that sockets
    /// that follow the same name do not all choose the same.
    pub(super) fn replace(&mut self, answer: Vec<SocketAddr>, most: usize) -> Option<Change> {
        let answer: BTreeSet<_> = answer.into_iter().collect();
        let (mut chosen, mut new): (Vec<_>, Vec<_>) = answer
            .iter()
            .partition(|&address| self.addresses.contains(address));
        if answer.len() > most {
            fastrand::shuffle(&mut new);
        }
        chosen.extend(new);
        chosen.truncate(most);
        let chosen: BTreeSet<_> = chosen.into_iter().collect();
        let omitted = answer.len() - chosen.len();
        let change = Change {
            added: chosen.difference(&self.addresses).copied().collect(),
            removed: self.addresses.difference(&chosen).copied().collect(),
            omitted,
        };
        self.addresses = chosen;
        let same_number = std::mem::replace(&mut self.omitted, omitted) == omitted;
        let same = same_number && change.added.is_empty() && change.removed.is_empty();
        (!same).then_some(change)
    }
}

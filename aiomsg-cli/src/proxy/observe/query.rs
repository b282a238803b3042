//! Which connections somebody asks for.

use std::cmp::Ordering;
use std::fmt;

use aiomsg::peer::RemoteAddr;
use aiomsg::stats::PeerStats;

use super::peers::total;
use super::status::Closed;
use crate::common::identity;

/// The most connections of one answer.
const MOST: usize = 1000;

/// The connections of an answer that does not say how many.
const SOME: usize = 50;

/// The longest text to look for, in bytes.
const TEXT: usize = 256;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Query {
    /// `frontend` or `backend`, if it is only one of them.
    pub(super) side: Option<String>,
    /// Those that have ended, and not those that are there.
    pub(super) closed: bool,
    sort: Sort,
    /// `None` is the order of the column: the largest number first, and text from A to Z.
    ascending: Option<bool>,
    contains: String,
    pub(super) limit: usize,
    pub(super) offset: usize,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Queue,
    Rate,
    Messages,
    Received,
    Sent,
    Connected,
    Identity,
    Address,
}

const SORTS: [(&str, Sort); 8] = [
    ("queue", Sort::Queue),
    ("rate", Sort::Rate),
    ("messages", Sort::Messages),
    ("received", Sort::Received),
    ("sent", Sort::Sent),
    ("connected", Sort::Connected),
    ("identity", Sort::Identity),
    ("address", Sort::Address),
];

/// A connection with its rate, in messages in a second.
pub(super) type Rated = (f64, PeerStats);

impl Default for Query {
    fn default() -> Self {
        Self {
            side: None,
            closed: false,
            sort: Sort::Queue,
            ascending: None,
            contains: String::new(),
            limit: SOME,
            offset: 0,
        }
    }
}

impl Query {
    /// Reads the query of a URL, or names what is wrong with it.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut asked = Self::default();
        let mut ordered = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let wrong = |expected: &str| Err(format!("{name}={value}: expected {expected}"));
            if matches!(&*name, "sort" | "order") {
                ordered = Some(format!("{name}={value}"));
            }
            match &*name {
                "side" if ["frontend", "backend"].contains(&&*value) => {
                    asked.side = Some(value.into_owned());
                }
                "side" => return wrong("frontend or backend"),
                "state" if ["open", "closed"].contains(&&*value) => {
                    asked.closed = value == "closed";
                }
                "state" => return wrong("open or closed"),
                "sort" => match SORTS.iter().find(|(name, _)| *name == value) {
                    Some((_, sort)) => asked.sort = *sort,
                    None => return wrong(&SORTS.map(|(name, _)| name).join(", ")),
                },
                "order" if ["asc", "desc"].contains(&&*value) => {
                    asked.ascending = Some(value == "asc");
                }
                "order" => return wrong("asc or desc"),
                "contains" if value.len() <= TEXT => asked.contains = value.to_lowercase(),
                "contains" => return Err(format!("contains: expected up to {TEXT} bytes")),
                "limit" => match value.parse() {
                    Ok(limit @ 1..=MOST) => asked.limit = limit,
                    _ => return wrong(&format!("1 to {MOST}")),
                },
                "offset" => match value.parse() {
                    Ok(offset) => asked.offset = offset,
                    Err(_) => return wrong("a number"),
                },
                _ => {
                    return Err(format!(
                        "{name}: expected side, state, sort, order, contains, limit or offset"
                    ));
                }
            }
        }
        match ordered {
            Some(ordered) if asked.closed => Err(format!(
                "{ordered}: connections that have ended come the last one first"
            )),
            _ => Ok(asked),
        }
    }

    /// The connections that are asked for, and how many there are in all of that kind.
    /// Each is with the name of its side.
    pub(super) fn pick<'a>(
        &self,
        all: impl Iterator<Item = (&'static str, &'a Rated)>,
    ) -> (usize, Vec<(&'static str, &'a Rated)>) {
        let mut wanted: Vec<_> = all.filter(|(_, (_, stats))| self.wants(stats)).collect();
        let count = wanted.len();
        let order = |(_, a): &(&str, &Rated), (_, b): &(&str, &Rated)| self.order(a, b);
        let end = self.offset.saturating_add(self.limit);
        if count > end {
            wanted.select_nth_unstable_by(end, order);
            wanted.truncate(end);
        }
        wanted.sort_by(order);
        (count, wanted.into_iter().skip(self.offset).collect())
    }

    fn wants(&self, stats: &PeerStats) -> bool {
        let peer = &stats.peer;
        self.contains.is_empty() || self.is_in(&identity::show(&peer.identity), &peer.remote)
    }

    pub(super) fn wants_closed(&self, closed: &Closed) -> bool {
        let side = self.side.as_deref().is_none_or(|it| it == closed.side);
        side && self.is_in(&closed.identity, &closed.address)
    }

    fn is_in(&self, identity: &str, address: &impl fmt::Display) -> bool {
        let shown = format!("{identity} {address}");
        shown.to_lowercase().contains(&self.contains)
    }

    fn order(&self, a: &Rated, b: &Rated) -> Ordering {
        let ((a_rate, a), (b_rate, b)) = (a, b);
        let by_name = || a.peer.identity.cmp(&b.peer.identity);
        // Numbers from the largest on.
        let by_column = match self.sort {
            Sort::Queue => {
                let busy = |rate: f64, it: &PeerStats| (it.queued_messages, rate as u64);
                busy(*b_rate, b).cmp(&busy(*a_rate, a))
            }
            Sort::Rate => b_rate.total_cmp(a_rate),
            Sort::Messages => total(b).cmp(&total(a)),
            Sort::Received => b.received_messages.cmp(&a.received_messages),
            Sort::Sent => b.sent_messages.cmp(&a.sent_messages),
            Sort::Connected => b.connected_for.cmp(&a.connected_for),
            Sort::Identity => by_name(),
            Sort::Address => by_address(&a.peer.remote, &b.peer.remote),
        };
        let is_text = matches!(self.sort, Sort::Identity | Sort::Address);
        let by_column = match self.ascending.unwrap_or(is_text) == is_text {
            true => by_column,
            false => by_column.reverse(),
        };
        by_column.then_with(by_name)
    }
}

/// Orders IP addresses by their numbers, and others after them by their text.
fn by_address(a: &RemoteAddr, b: &RemoteAddr) -> Ordering {
    let kind = |it: &RemoteAddr| match it {
        RemoteAddr::Inet(_) => 0,
        RemoteAddr::Mem(_) => 1,
        _ => 2,
    };
    match (a, b) {
        (RemoteAddr::Inet(a), RemoteAddr::Inet(b)) => a.cmp(b),
        (RemoteAddr::Unix(a), RemoteAddr::Unix(b)) => a.cmp(b),
        (RemoteAddr::Mem(a), RemoteAddr::Mem(b)) => a.cmp(b),
        _ => kind(a).cmp(&kind(b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As text, port 10000 came before port 9999, and each comparison made two strings.
    #[test]
    fn addresses_are_ordered_by_their_numbers() {
        let inet = |text: &str| RemoteAddr::Inet(text.parse().unwrap());
        let sorted = [
            inet("10.0.0.9:10000"),
            inet("10.0.0.10:9999"),
            inet("10.0.0.10:10000"),
            inet("[::1]:7"),
            RemoteAddr::Mem("a".to_owned()),
            RemoteAddr::Mem("b".to_owned()),
            RemoteAddr::Unix(None),
            RemoteAddr::Unix(Some("/run/a".into())),
        ];
        let mut shuffled = sorted.clone();
        shuffled.reverse();
        shuffled.sort_by(by_address);
        assert_eq!(shuffled, sorted);
    }

    #[test]
    fn what_is_asked_for_is_read() {
        let asked =
            Query::parse("side=backend&sort=rate&order=asc&contains=a%20B&limit=7&offset=3");
        let expected = Query {
            side: Some("backend".to_owned()),
            sort: Sort::Rate,
            ascending: Some(true),
            contains: "a b".to_owned(),
            limit: 7,
            offset: 3,
            ..Query::default()
        };
        assert_eq!(asked, Ok(expected));
        assert_eq!(Query::parse(""), Ok(Query::default()));
        assert!(Query::parse("state=closed").unwrap().closed);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, said) in [
            ("side=left", "side=left: expected frontend or backend"),
            ("state=up", "state=up: expected open or closed"),
            ("sort=size", "sort=size: expected queue, rate"),
            ("order=up", "order=up: expected asc or desc"),
            ("limit=0", "limit=0: expected 1 to 1000"),
            ("limit=1001", "limit=1001: expected 1 to 1000"),
            ("offset=-1", "offset=-1: expected a number"),
            ("page=2", "page: expected side"),
            (
                "state=closed&sort=rate",
                "sort=rate: connections that have ended come",
            ),
        ] {
            let error = Query::parse(query).unwrap_err();
            assert!(error.starts_with(said), "{error}");
        }
        assert!(Query::parse(&format!("contains={}", "x".repeat(257))).is_err());
    }
}

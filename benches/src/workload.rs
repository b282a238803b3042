//! What is measured.

use crate::library::{Pace, Role};

/// Messages of one size, moved in one way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workload {
    /// What it is called in the table and on the command line.
    pub(crate) name: &'static str,
    pub(crate) cast: &'static Cast,
    /// The size of a message, in bytes.
    pub(crate) size: usize,
    /// Sizes go up to this one, if it is greater.
    pub(crate) largest: usize,
    /// How many peers the role that binds has.
    pub(crate) peers: usize,
    pub(crate) tls: bool,
    pub(crate) at_least_once: bool,
    /// All of it is for one of the peers.
    pub(crate) addressed: bool,
    /// From how many tasks one socket sends.
    pub(crate) tasks: usize,
    /// How many requests wait for their answers.
    pub(crate) outstanding: usize,
    /// Messages are sent at this rate.
    pub(crate) pace: Option<Pace>,
}

/// Who does what.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) binds: Role,
    /// Those that connect, and to which of the addresses that the first one is
    /// bound to.
    pub(crate) connect: &'static [(Role, usize)],
    /// Who says how many messages there are: first, when they are sent.
    pub(crate) drives: Role,
    /// Whether each peer gets each message.
    pub(crate) copies: bool,
}

const ONE_WAY: Cast = Cast {
    binds: Role::Receiver,
    connect: &[(Role::Sender, 0)],
    drives: Role::Sender,
    copies: false,
};

const ROUND_TRIP: Cast = Cast {
    binds: Role::Echo,
    connect: &[(Role::Ping, 0)],
    drives: Role::Ping,
    copies: false,
};

const REQUEST: Cast = Cast {
    binds: Role::Server,
    connect: &[(Role::Client, 0)],
    drives: Role::Client,
    copies: false,
};

const PUBLISH: Cast = Cast {
    binds: Role::Publisher,
    connect: &[(Role::Subscriber, 0)],
    drives: Role::Publisher,
    copies: true,
};

const HOP: Cast = Cast {
    binds: Role::Proxy,
    connect: &[(Role::Receiver, 1), (Role::Sender, 0)],
    drives: Role::Sender,
    copies: false,
};

const SPREAD: Cast = Cast {
    binds: Role::Sender,
    connect: &[(Role::Crowd, 0)],
    drives: Role::Sender,
    copies: false,
};

const fn workload(name: &'static str, cast: &'static Cast, size: usize, peers: usize) -> Workload {
    Workload {
        name,
        cast,
        size,
        largest: size,
        peers,
        tls: false,
        at_least_once: false,
        addressed: false,
        tasks: 1,
        outstanding: 1,
        pace: None,
    }
}

/// With so many requests outstanding.
const fn request(name: &'static str, outstanding: usize) -> Workload {
    Workload {
        outstanding,
        ..workload(name, &REQUEST, 64, 1)
    }
}

/// At a rate.
const fn paced(name: &'static str, peers: usize, every_nanos: u64, at_once: u64) -> Workload {
    Workload {
        pace: Some(Pace {
            every_nanos,
            at_once,
        }),
        ..workload(name, &ONE_WAY, 64, peers)
    }
}

/// To one of so many peers.
const fn addressed(name: &'static str, peers: usize) -> Workload {
    Workload {
        addressed: true,
        ..workload(name, &SPREAD, 64, peers)
    }
}

/// All that there is, in the order of the table.
pub(crate) const ALL: &[Workload] = &[
    workload("one-to-one-64", &ONE_WAY, 64, 1),
    workload("one-to-one-1k", &ONE_WAY, 1 << 10, 1),
    workload("one-to-one-8k", &ONE_WAY, 8 << 10, 1),
    workload("one-to-one-64k", &ONE_WAY, 64 << 10, 1),
    Workload {
        largest: 64 << 10,
        ..workload("mixed", &ONE_WAY, 64, 1)
    },
    paced("paced-10k", 1, 100_000, 1),
    paced("paced-100k", 1, 10_000, 1),
    paced("burst", 1, 10_000_000, 1_000),
    paced("paced-1000-peers", 1_000, 10_000, 1),
    Workload {
        tasks: 16,
        ..workload("tasks-16", &ONE_WAY, 64, 1)
    },
    request("request-1", 1),
    request("request-64", 64),
    request("request-1000", 1_000),
    workload("ping-pong", &ROUND_TRIP, 64, 1),
    workload("publish-64", &PUBLISH, 64, 16),
    workload("publish-1k", &PUBLISH, 1 << 10, 16),
    workload("many-to-one", &ONE_WAY, 64, 16),
    Workload {
        tls: true,
        ..workload("tls-64", &ONE_WAY, 64, 1)
    },
    Workload {
        tls: true,
        ..workload("tls-8k", &ONE_WAY, 8 << 10, 1)
    },
    Workload {
        at_least_once: true,
        ..workload("at-least-once", &ONE_WAY, 64, 1)
    },
    workload("proxy", &HOP, 64, 1),
    workload("peers-1", &SPREAD, 64, 1),
    workload("peers-16", &SPREAD, 64, 16),
    workload("peers-256", &SPREAD, 64, 256),
    workload("peers-4096", &SPREAD, 64, 4096),
    workload("peers-10000", &SPREAD, 64, 10_000),
    addressed("one-of-1", 1),
    addressed("one-of-16", 16),
    addressed("one-of-256", 256),
    addressed("one-of-4096", 4096),
    addressed("one-of-10000", 10_000),
];

impl Workload {
    /// How often a message that is sent is to arrive.
    pub(crate) fn arrivals(&self) -> u64 {
        match self.cast.copies {
            true => self.peers as u64,
            false => 1,
        }
    }

    /// Whether the rate is no result.
    pub(crate) fn gives_the_rate(&self) -> bool {
        // How fast a burst goes through is one.
        self.pace.is_some_and(|pace| pace.at_once == 1)
    }

    /// The names for several at once are what their names begin with.
    fn is_called(&self, name: &str) -> bool {
        let rest = self.name.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }
}

/// The workloads with these names, or of these groups; all, if there are none.
pub(crate) fn chosen(names: &[String]) -> Result<Vec<Workload>, String> {
    if let Some(wrong) = names
        .iter()
        .find(|name| !ALL.iter().any(|it| it.is_called(name)))
    {
        let valid: Vec<_> = ALL.iter().map(|it| it.name).collect();
        return Err(format!(
            "there is no workload \"{wrong}\"; there are {}; and what these begin with, as \
             \"one-to-one\"",
            valid.join(", ")
        ));
    }
    let chosen = |it: &&Workload| names.is_empty() || names.iter().any(|name| it.is_called(name));
    Ok(ALL.iter().filter(chosen).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(given: &[&str]) -> Result<Vec<&'static str>, String> {
        let given: Vec<_> = given.iter().map(ToString::to_string).collect();
        Ok(chosen(&given)?.iter().map(|it| it.name).collect())
    }

    #[test]
    fn a_name_is_one_workload_or_a_group() {
        assert_eq!(names(&["proxy"]).unwrap(), ["proxy"]);
        assert_eq!(
            names(&["tls", "ping-pong"]).unwrap(),
            ["ping-pong", "tls-64", "tls-8k"]
        );
        assert_eq!(names(&["peers-1"]).unwrap(), ["peers-1"]);
        assert_eq!(names(&[]).unwrap().len(), ALL.len());
    }

    #[test]
    fn a_wrong_name_gets_the_list_of_the_right_ones() {
        for wrong in ["two", "tls-", "", "Proxy"] {
            let error = names(&["proxy", wrong]).unwrap_err();
            assert!(error.contains(&format!("\"{wrong}\"")), "{error}");
            assert!(error.contains("one-to-one-64, one-to-one-1k"), "{error}");
        }
    }
}

//! What a round is like, drawn from its seed.

mod draw;
mod faults;
mod streams;

use std::time::Duration;

use aiomsg::builder::{Dialects, Overflow};
use aiomsg::{Limits, SendMode};

pub(crate) use faults::{Cut, Fault};

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) tls: bool,
    /// Nothing befalls a connection, and no host ends without a word.
    pub(crate) quiet: bool,
    pub(crate) hosts: Vec<HostPlan>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) faults: Vec<(Duration, Fault)>,
    /// How long faults go on.
    pub(crate) trouble: Duration,
    pub(crate) ending: Ending,
    /// How each host is closed in the end.
    pub(crate) closings: Vec<Closing>,
}

/// Who connects to whom, and how what is between them is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    pub(crate) dialler: usize,
    pub(crate) binder: usize,
    /// The proxy takes no more bytes at a time, and pauses in between.
    pub(crate) narrow: Option<(usize, Duration)>,
}

#[derive(Debug, Clone)]
pub(crate) struct HostPlan {
    pub(crate) neighbours: Vec<usize>,
    pub(crate) mode: SendMode,
    pub(crate) at_least_once: bool,
    pub(crate) dialects: Dialects,
    pub(crate) overflow: Overflow,
    pub(crate) peer_limits: Limits,
    pub(crate) buffer_limits: Limits,
    pub(crate) absent_limits: Limits,
    pub(crate) unacknowledged_limits: Limits,
    pub(crate) receive_limits: Limits,
    pub(crate) heartbeat: Duration,
    pub(crate) receives: Receives,
    /// How long the application takes for a message now and then.
    pub(crate) handling: Duration,
    pub(crate) streams: Vec<StreamPlan>,
}

/// How messages are received, and who acknowledges them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receives {
    /// By `recv_message`, acknowledged when they are in the inbox.
    Plainly,
    /// The same, each receive given up after a moment and begun anew.
    Impatiently,
    /// By `recv_many`, given up in the same way.
    ManyAtOnce,
    /// By so many clones of the socket.
    Together(usize),
    /// By the streams of the socket.
    AsStream,
    /// By `recv_message`, none twice.
    Once,
    /// By `recv_message` and `acknowledge`.
    Acknowledging,
    /// By `serve`, so many at once.
    Serving(usize),
}

/// Messages that are sent one after the other, by one task or by several.
#[derive(Debug, Clone)]
pub(crate) struct StreamPlan {
    pub(crate) to: Option<usize>,
    /// How many while there is trouble, and how many afterwards.
    pub(crate) counts: [usize; 2],
    pub(crate) tasks: usize,
    /// So many in one `send_many`.
    pub(crate) batch: Option<usize>,
    /// Waits for each acknowledgement.
    pub(crate) acked: bool,
    /// Gives a send up after so long.
    pub(crate) patience: Option<Duration>,
    /// The most bytes behind the name.
    pub(crate) size: usize,
    /// The longest pause between messages.
    pub(crate) pause: Duration,
}

/// How a round ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Everything arrives, and the hosts are closed.
    Settled,
    /// The hosts are closed while messages are sent.
    Amidst,
}

/// How a host is closed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closing {
    /// How long after the first one may begin.
    pub(crate) after: Duration,
    pub(crate) deadline: Duration,
    /// The first call is dropped after so long, and there is another.
    pub(crate) cancelled: Option<Duration>,
    /// Two handles call at once.
    pub(crate) twice: bool,
}

impl Receives {
    /// Whether it acknowledges a message when it is done with it, and not before.
    pub(crate) fn handles(self) -> bool {
        matches!(self, Self::Acknowledging | Self::Serving(_))
    }

    /// Whether what comes in order is noted in order.
    pub(crate) fn in_order(self) -> bool {
        !matches!(self, Self::Together(_) | Self::Serving(_))
    }
}

impl Plan {
    /// What the round is like, line by line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let Self {
            seed, tls, quiet, ..
        } = self;
        let mut lines = vec![format!("seed {seed}: tls {tls}, quiet {quiet}")];
        let edges = self.edges.iter().enumerate();
        lines.extend(edges.map(|(number, edge)| format!("edge {number}: {edge:?}")));
        let hosts = self.hosts.iter().enumerate();
        lines.extend(hosts.map(|(number, host)| format!("host {number}: {host:?}")));
        let faults = self.faults.iter();
        lines.extend(faults.map(|(at, fault)| format!("after {at:?}: {fault:?}")));
        lines.push(format!(
            "trouble for {:?}, then {:?}, {:?}",
            self.trouble, self.ending, self.closings
        ));
        lines
    }

    /// Hosts that `host` exchanges messages with by this edge.
    pub(crate) fn edges_between(&self, a: usize, b: usize) -> impl Iterator<Item = usize> {
        let edges = self.edges.iter().enumerate();
        edges
            .filter(move |(_, edge)| {
                let ends = (edge.dialler, edge.binder);
                ends == (a, b) || ends == (b, a)
            })
            .map(|(number, _)| number)
    }
}

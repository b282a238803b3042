//! What a run is like, drawn from its seed.

mod faults;

use std::fmt::Debug;
use std::time::Duration;

use aiomsg::builder::Dialects;
use aiomsg::builder::{Dialect, Overflow};
use aiomsg::{Limits, SendMode};

use crate::network::{Break, Climate};
use crate::stranger::Visit;
use crate::talk::Asking;

pub(crate) use faults::Fault;

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) hosts: Vec<HostPlan>,
    pub(crate) climate: Climate,
    /// What goes wrong, and when.
    pub(crate) faults: Vec<(Duration, Fault)>,
    /// How long faults go on.
    pub(crate) trouble: Duration,
    pub(crate) ending: Ending,
    /// No connection has a reason to end.
    pub(crate) calm: bool,
    /// The order in which the hosts are closed, and how.
    pub(crate) closing: Vec<(usize, Closing)>,
}

#[derive(Debug, Clone)]
pub(crate) struct HostPlan {
    pub(crate) identity: Vec<u8>,
    pub(crate) binds: bool,
    pub(crate) dials: Vec<usize>,
    pub(crate) neighbours: Vec<usize>,
    pub(crate) mode: SendMode,
    /// Whether messages are sent until they are acknowledged.
    pub(crate) at_least_once: bool,
    pub(crate) max_resends: u32,
    pub(crate) dialects: Dialects,
    pub(crate) overflow: Overflow,
    pub(crate) peer_limits: Limits,
    pub(crate) buffer_limits: Limits,
    pub(crate) absent_limits: Limits,
    pub(crate) unacknowledged_limits: Limits,
    pub(crate) receive_limits: Limits,
    pub(crate) receives: Receives,
    /// How long the application takes for each message.
    pub(crate) handling: Duration,
    pub(crate) streams: Vec<StreamPlan>,
    pub(crate) asks: Option<Asking>,
}

/// How messages are received, and who acknowledges them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receives {
    /// By `recv_message`, acknowledged when they are in the inbox.
    Plainly,
    /// The same, and none that comes twice.
    Once,
    /// By `recv_message` and `acknowledge`.
    Acknowledging,
    /// By `serve`, so many at once, and with a window around the handler or not.
    Serving { concurrency: usize, once: bool },
}

/// A task that sends one message after the other.
#[derive(Debug, Clone)]
pub(crate) struct StreamPlan {
    pub(crate) to: Option<usize>,
    pub(crate) count: usize,
    /// Waits for each acknowledgement.
    pub(crate) acked: bool,
    /// Gives a send up after so long.
    pub(crate) patience: Option<Duration>,
    pub(crate) sizes: Sizes,
    /// The longest pause between messages, which are sent in bursts.
    pub(crate) pause: Duration,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Sizes {
    /// Empty, or like something else in the protocol.
    Ambiguous,
    /// A few bytes, and many of them.
    Tiny,
    UpTo(usize),
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The network heals, everything arrives, and the hosts are closed.
    Healed,
    /// The hosts are closed in the middle of it all.
    Amidst,
}

/// How a host is closed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closing {
    pub(crate) deadline: Duration,
    /// The first call is given up after so long, and there is another.
    pub(crate) given_up: Option<Duration>,
    /// Two handles call at once.
    pub(crate) twice: bool,
}

/// Less than what tasks of a closed host have to end.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

const SECOND: Duration = Duration::from_secs(1);

struct Draw(fastrand::Rng);

impl Draw {
    fn of<T: Clone + Debug>(&mut self, choices: &[T]) -> T {
        choices[self.0.usize(0..choices.len())].clone()
    }

    fn one_in(&mut self, count: u32) -> bool {
        self.0.u32(0..count) == 0
    }

    fn time(&mut self, from_ms: u64, to_ms: u64) -> Duration {
        Duration::from_millis(self.0.u64(from_ms..to_ms))
    }

    fn limits(&mut self) -> Limits {
        match self.one_in(3) {
            true => Limits {
                items: self.0.usize(1..6),
                bytes: 1 << 20,
            },
            false => Limits {
                items: self.of(&[16, 1000]),
                bytes: self.of(&[1, 200, 4 << 10, 1 << 20]),
            },
        }
    }

    fn pair(&mut self, hosts: &[HostPlan]) -> (usize, usize) {
        loop {
            let a = self.0.usize(0..hosts.len());
            if !hosts[a].neighbours.is_empty() {
                return (a, self.of(&hosts[a].neighbours));
            }
        }
    }

    fn closing(&mut self, longest_ms: u64) -> Closing {
        Closing {
            deadline: self.time(0, longest_ms),
            given_up: self.one_in(4).then(|| self.time(0, 3_000)),
            twice: self.one_in(6),
        }
    }

    fn visit(&mut self, to: usize, claims: Option<usize>) -> Visit {
        Visit {
            to,
            claims,
            is_v1: self.one_in(3),
            speaks: self.0.bool(),
            forges: self.0.bool(),
            stays: self.time(50, 9_000),
        }
    }

    fn how_it_breaks(&mut self) -> Break {
        Break {
            looks_orderly: self.0.bool(),
            keeps: self.0.bool(),
        }
    }
}

impl Plan {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut draw = Draw(fastrand::Rng::with_seed(seed));
        let trouble = draw.time(2_000, 40_000);
        let mut hosts = topology(&mut draw);
        for number in 0..hosts.len() {
            behaviour(&mut draw, &mut hosts, number, trouble);
        }
        let climate = Climate {
            longest_latency: draw.of(&[
                Duration::ZERO,
                Duration::from_millis(5),
                Duration::from_millis(300),
            ]),
            slow_one_in: draw.of(&[0, 3, 10]),
            narrow_one_in: draw.of(&[0, 2, 5]),
            large_one_in: draw.of(&[0, 0, 3]),
            frail_one_in: draw.of(&[0, 0, 2, 5]),
            tls: draw.one_in(3),
            send_queues: draw.0.bool(),
        };
        let faults = faults::draw(&mut draw, &hosts, trouble);
        let ending = match draw.one_in(3) {
            true => Ending::Amidst,
            false => Ending::Healed,
        };
        let mut closing: Vec<_> = (0..hosts.len())
            .map(|host| {
                let closing = draw.closing(8_000);
                let deadline = match ending {
                    Ending::Healed => 10 * SECOND,
                    Ending::Amidst => closing.deadline,
                };
                (
                    host,
                    Closing {
                        deadline,
                        ..closing
                    },
                )
            })
            .collect();
        draw.0.shuffle(&mut closing);
        Self {
            seed,
            hosts,
            climate,
            faults,
            trouble,
            ending,
            calm: false,
            closing,
        }
    }

    /// The same, with nothing that goes wrong: no connection ends before its
    /// hosts do.
    pub(crate) fn calm(seed: u64) -> Self {
        let mut plan = Self::draw(seed);
        plan.faults.clear();
        for host in 0..plan.hosts.len() {
            // One of two connections between the same hosts gives way, with
            // what is under way on it.
            let dials = plan.hosts[host].dials.clone();
            for other in dials.into_iter().filter(|other| *other > host) {
                plan.hosts[other].dials.retain(|dialled| *dialled != host);
            }
            let plan = &mut plan.hosts[host];
            if plan.overflow == Overflow::Disconnect {
                plan.overflow = Overflow::Wait;
            }
        }
        plan.climate.frail_one_in = 0;
        // Where the system does not say, a peer that takes nothing for minutes is dead.
        plan.climate.send_queues |= plan.climate.large_one_in > 0;
        plan.ending = Ending::Healed;
        plan.calm = true;
        for (_, closing) in &mut plan.closing {
            closing.deadline = 10 * SECOND;
        }
        plan
    }

    /// The strangers that come, in their order.
    pub(crate) fn visits(&self) -> impl Iterator<Item = &Visit> {
        self.faults.iter().filter_map(|(_, fault)| match fault {
            Fault::Stranger(visit) => Some(visit),
            _ => None,
        })
    }

    /// What a run was like, line by line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("seed {}: {:?}", self.seed, self.climate)];
        for (number, host) in self.hosts.iter().enumerate() {
            lines.push(format!("host {number}: {host:?}"));
        }
        lines.push(format!(
            "trouble for {:?}, then {:?}, closing {:?}",
            self.trouble, self.ending, self.closing
        ));
        lines
    }
}

/// Who binds, and who dials whom.
fn topology(draw: &mut Draw) -> Vec<HostPlan> {
    let count = draw.of(&[2, 2, 3, 3, 4, 5]);
    let mut edges = Vec::new();
    match draw.0.u32(0..4) {
        // One binds and all dial it, or the other way round.
        0 | 1 => edges.extend((1..count).map(|other| (other, 0))),
        2 => edges.extend((1..count).map(|other| (0, other))),
        // Some dial each other.
        _ => {
            for a in 0..count {
                for b in a + 1..count {
                    match draw.0.u32(0..4) {
                        0 => edges.extend([(a, b), (b, a)]),
                        1 => edges.push((a, b)),
                        _ => edges.push((b, a)),
                    }
                }
            }
        }
    }
    let host = |number: usize| {
        let dials = edges.iter().filter(|edge| edge.0 == number);
        let bound = edges.iter().filter(|edge| edge.1 == number);
        let dials: Vec<_> = dials.map(|edge| edge.1).collect();
        let dialled: Vec<_> = bound.map(|edge| edge.0).collect();
        let mut neighbours = [dials.clone(), dialled.clone()].concat();
        neighbours.sort_unstable();
        neighbours.dedup();
        HostPlan {
            identity: format!("host-{number:02}-of-these").into_bytes(),
            binds: !dialled.is_empty(),
            dials,
            neighbours,
            mode: SendMode::RoundRobin,
            at_least_once: false,
            max_resends: 5,
            dialects: Dialects::default(),
            overflow: Overflow::Wait,
            peer_limits: WIDE,
            buffer_limits: WIDE,
            absent_limits: WIDE,
            unacknowledged_limits: WIDE,
            receive_limits: WIDE,
            receives: Receives::Plainly,
            handling: Duration::ZERO,
            streams: Vec::new(),
            asks: None,
        }
    };
    (0..count).map(host).collect()
}

const WIDE: Limits = Limits {
    items: 10_000,
    bytes: 16 << 20,
};

fn behaviour(draw: &mut Draw, hosts: &mut [HostPlan], number: usize, trouble: Duration) {
    // What any two hosts speak must have something in common.
    let dialects = match draw.0.u32(0..6) {
        0 => Dialects::Prefer(Dialect::V2019),
        1 if number == 0 => Dialects::Only(Dialect::V2019),
        2 if number == 0 => Dialects::Only(Dialect::V1),
        _ => Dialects::Prefer(Dialect::V1),
    };
    let neighbours = hosts[number].neighbours.clone();
    let host = &mut hosts[number];
    host.dialects = dialects;
    host.at_least_once = draw.0.bool();
    if !host.at_least_once && draw.one_in(3) {
        host.mode = SendMode::Publish;
    }
    host.max_resends = draw.of(&[1, 5, 5, 20]);
    if draw.one_in(2) {
        host.overflow = draw.of(&[
            Overflow::RefuseNewest,
            Overflow::DropOldest,
            Overflow::KeepNewest,
            Overflow::Disconnect,
        ]);
    }
    if draw.0.bool() {
        host.peer_limits = draw.limits();
    }
    if draw.0.bool() {
        host.buffer_limits = draw.limits();
    }
    if draw.0.bool() {
        host.absent_limits = draw.limits();
    }
    if draw.0.bool() {
        host.unacknowledged_limits = draw.limits();
    }
    if draw.0.bool() {
        host.receive_limits = draw.limits();
    }
    host.receives = match draw.0.u32(0..5) {
        0 => Receives::Once,
        1 => Receives::Acknowledging,
        2 | 3 => Receives::Serving {
            concurrency: draw.of(&[1, 2, 8]),
            once: draw.0.bool(),
        },
        _ => Receives::Plainly,
    };
    if draw.one_in(3) {
        host.handling = draw.time(1, 60);
    }
    if draw.one_in(3) {
        let count = draw.0.usize(1..20);
        host.asks = Some(Asking {
            of: draw.of(&neighbours),
            count,
            pause: trouble
                .mul_f64(draw.0.f64() / count as f64)
                .min(LONGEST_PAUSE),
        });
    }
    let streams = match number {
        0 => draw.0.usize(1..3),
        _ => draw.0.usize(0..3),
    };
    for _ in 0..streams {
        let stream = stream(draw, host, &neighbours, trouble);
        host.streams.push(stream);
    }
}

fn stream(draw: &mut Draw, host: &HostPlan, neighbours: &[usize], trouble: Duration) -> StreamPlan {
    let to = match draw.0.bool() {
        true => Some(draw.of(neighbours)),
        false => None,
    };
    let sizes = match draw.0.u32(0..8) {
        0 => Sizes::Ambiguous,
        1 => Sizes::UpTo(40_000),
        3 => Sizes::Tiny,
        2 => Sizes::UpTo(3_000),
        _ => Sizes::UpTo(40),
    };
    let count = match sizes {
        Sizes::UpTo(40_000) => draw.0.usize(1..30),
        Sizes::Tiny => draw.0.usize(1..250),
        _ => draw.0.usize(1..120),
    };
    let acked = host.at_least_once && draw.one_in(3);
    StreamPlan {
        to,
        count: if acked { count.min(120) } else { count },
        acked,
        patience: draw.one_in(4).then(|| draw.time(1, 2_000)),
        sizes,
        // One message in eight has a pause before it, of half this on average:
        // a stream goes on for as long as the trouble does, more or less.
        pause: trouble
            .mul_f64(16.0 * (0.1 + 1.2 * draw.0.f64()) / (count as f64))
            .min(LONGEST_PAUSE),
    }
}

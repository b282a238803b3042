//! Drawing a plan.

use std::fmt::Debug;
use std::time::Duration;

use aiomsg::builder::{Dialect, Dialects, Overflow};
use aiomsg::{Limits, SendMode};

use super::{Closing, Edge, Ending, HostPlan, Plan, Receives, faults, streams};

pub(super) struct Draw(pub(super) fastrand::Rng);

impl Draw {
    pub(super) fn of<T: Clone + Debug>(&mut self, choices: &[T]) -> T {
        choices[self.0.usize(0..choices.len())].clone()
    }

    pub(super) fn one_in(&mut self, count: u32) -> bool {
        self.0.u32(0..count) == 0
    }

    pub(super) fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.0.u64(from..to))
    }

    fn limits(&mut self, small: bool) -> Limits {
        match (small, self.0.u32(0..3)) {
            (false, _) | (_, 0) => WIDE,
            (_, 1) => Limits {
                items: self.0.usize(1..6),
                bytes: 1 << 20,
            },
            _ => Limits {
                items: self.of(&[16, 1000]),
                bytes: self.of(&[1, 200, 4 << 10, 1 << 20]),
            },
        }
    }
}

const WIDE: Limits = Limits {
    items: 10_000,
    bytes: 16 << 20,
};

const SECOND: Duration = Duration::from_secs(1);

/// What holds when nothing has gone wrong: no machine is so busy that an end is not
/// heard of for so long.
const PATIENT: Duration = Duration::from_secs(30);

impl Plan {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut draw = Draw(fastrand::Rng::with_seed(seed));
        let quiet = draw.one_in(3);
        let tls = draw.one_in(3);
        let trouble = draw.millis(300, 2_500);
        let edges = edges(&mut draw, quiet);
        let hosts = edges.iter().map(|it| it.dialler.max(it.binder) + 1);
        let count = hosts.max().unwrap_or(0);
        let dialects = draw.of(&[
            None,
            None,
            Some(Dialects::Only(Dialect::V1)),
            Some(Dialects::Only(Dialect::V2019)),
        ]);
        let small = draw.of(&[false, true, true]);
        let mut hosts = Vec::new();
        for number in 0..count {
            hosts.push(host(&mut draw, &edges, number, (small, quiet), dialects));
        }
        for host in &mut hosts {
            streams::add(&mut draw, host, trouble);
        }
        let faults = faults::draw(&mut draw, &hosts, &edges, quiet, trouble);
        let ending = draw.of(&[Ending::Settled, Ending::Amidst]);
        let closings = hosts.iter().map(|_| closing(&mut draw, ending)).collect();
        Self {
            seed,
            tls,
            quiet,
            hosts,
            edges,
            faults,
            trouble,
            ending,
            closings,
        }
    }
}

/// Who connects to whom: one binds, or one connects, or some connect to each other.
fn edges(draw: &mut Draw, quiet: bool) -> Vec<Edge> {
    let count = draw.of(&[2, 2, 3, 4]);
    let pairs: Vec<_> = match draw.0.u32(0..5) {
        0 | 1 => (1..count).map(|it| (it, 0)).collect(),
        2 | 3 => (1..count).map(|it| (0, it)).collect(),
        // Of two connections between the same hosts one gives way, with what is
        // under way on it.
        _ if quiet => (1..count).map(|it| (it, it - 1)).collect(),
        _ => (1..count).flat_map(|it| [(it, 0), (0, it)]).collect(),
    };
    let narrow_one_in = draw.of(&[1, 3, 100]);
    let edge = |(dialler, binder)| Edge {
        dialler,
        binder,
        narrow: draw
            .one_in(narrow_one_in)
            .then(|| (draw.0.usize(200..5_000), draw.millis(0, 8))),
    };
    pairs.into_iter().map(edge).collect()
}

fn host(
    draw: &mut Draw,
    edges: &[Edge],
    number: usize,
    (small, quiet): (bool, bool),
    dialects: Option<Dialects>,
) -> HostPlan {
    let other = |edge: &Edge| match (edge.dialler == number, edge.binder == number) {
        (true, _) => Some(edge.binder),
        (_, true) => Some(edge.dialler),
        _ => None,
    };
    let mut neighbours: Vec<_> = edges.iter().filter_map(other).collect();
    neighbours.sort_unstable();
    neighbours.dedup();
    let at_least_once = draw.0.bool();
    let receives = draw.of(&[
        Receives::Plainly,
        Receives::Plainly,
        Receives::Impatiently,
        Receives::ManyAtOnce,
        Receives::Together(3),
        Receives::AsStream,
        Receives::Once,
        Receives::Acknowledging,
        Receives::Serving(1),
        Receives::Serving(8),
    ]);
    HostPlan {
        neighbours,
        mode: match !at_least_once && draw.one_in(4) {
            true => SendMode::Publish,
            false => SendMode::RoundRobin,
        },
        at_least_once,
        dialects: match dialects {
            Some(all) => all,
            None => Dialects::Prefer(draw.of(&[Dialect::V1, Dialect::V1, Dialect::V2019])),
        },
        overflow: draw.of(&[
            Overflow::Wait,
            Overflow::Wait,
            Overflow::Wait,
            Overflow::RefuseNewest,
            Overflow::DropOldest,
            Overflow::KeepNewest,
        ]),
        peer_limits: draw.limits(small),
        buffer_limits: draw.limits(small),
        absent_limits: draw.limits(small),
        unacknowledged_limits: draw.limits(small),
        receive_limits: draw.limits(small),
        heartbeat: match quiet {
            true => PATIENT,
            false => draw.of(&[2 * SECOND, 5 * SECOND]),
        },
        receives,
        handling: match draw.0.bool() {
            true => draw.millis(1, 30),
            false => Duration::ZERO,
        },
        streams: Vec::new(),
    }
}

fn closing(draw: &mut Draw, ending: Ending) -> Closing {
    Closing {
        after: match draw.0.bool() {
            true => draw.millis(0, 400),
            false => Duration::ZERO,
        },
        deadline: match ending {
            Ending::Settled => 20 * SECOND,
            Ending::Amidst => draw.of(&[
                Duration::ZERO,
                Duration::from_millis(60),
                Duration::from_millis(400),
                2 * SECOND,
                20 * SECOND,
                20 * SECOND,
                20 * SECOND,
            ]),
        },
        cancelled: draw.one_in(3).then(|| draw.millis(0, 120)),
        twice: draw.one_in(4),
    }
}

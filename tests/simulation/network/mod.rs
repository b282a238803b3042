//! A network in memory, whose faults a scenario decides.
//!
//! A socket dials a `mem://` endpoint, which finds the listener or does not.
//! The bytes do not go that way: a layer on the dial path announces the number
//! of a link by it, and a layer on the accept path exchanges the number for
//! the other end of the link.

mod end;
mod gate;
mod held;
pub(crate) mod link;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) use end::End;
pub(crate) use gate::Gate;
pub(crate) use link::{Break, Link, Weather};

use crate::trace::Trace;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A host, and how often it had been started before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Party {
    pub(crate) host: usize,
    pub(crate) life: usize,
}

/// What becomes of connections that are tried while two hosts are apart.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Apart {
    Refused,
    Silent,
}

/// How the links that come up are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Climate {
    pub(crate) longest_latency: Duration,
    /// One link of so many is slow; 0: none.
    pub(crate) slow_one_in: u32,
    /// One link of so many has small buffers; 0: none.
    pub(crate) narrow_one_in: u32,
    /// One link of so many is slow, and its buffers are large; 0: none.
    pub(crate) large_one_in: u32,
    /// One link of so many breaks early; 0: none.
    pub(crate) frail_one_in: u32,
    /// All links are by TLS.
    pub(crate) tls: bool,
    /// The systems say what the other one has taken.
    pub(crate) send_queues: bool,
}

#[derive(Clone)]
pub(crate) struct Network(Arc<Inner>);

struct Inner {
    trace: Trace,
    state: Mutex<State>,
}

struct State {
    rng: fastrand::Rng,
    climate: Climate,
    links: Vec<Arc<Mutex<Link>>>,
    /// Ends that wait to be accepted, by the number of their link.
    parked: BTreeMap<u64, End>,
    /// Pairs of hosts, the smaller one first.
    apart: BTreeMap<(usize, usize), Apart>,
    broken: Brokenness,
}

/// What is wrong with a network that is broken beyond what a socket need bear.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Brokenness {
    /// Every small write arrives twice.
    pub(crate) repeats: bool,
    /// One flush of so many is said to be done, and is not; 0: all are.
    pub(crate) loses_one_in: usize,
}

impl Network {
    pub(crate) fn new(seed: u64, climate: Climate, trace: Trace) -> Self {
        let state = State {
            rng: fastrand::Rng::with_seed(seed ^ 0x006e_6574),
            climate,
            links: Vec::new(),
            parked: BTreeMap::new(),
            apart: BTreeMap::new(),
            broken: Brokenness::default(),
        };
        Self(Arc::new(Inner {
            trace,
            state: Mutex::new(state),
        }))
    }

    /// All links that there ever were.
    pub(crate) fn links(&self) -> Vec<Arc<Mutex<Link>>> {
        lock(&self.0.state).links.clone()
    }

    /// The layers of a host that put it on this network.
    pub(crate) fn gate(&self, party: Party) -> Gate {
        Gate::new(self.clone(), party)
    }

    fn between(&self, a: usize, b: usize) -> Vec<(usize, Arc<Mutex<Link>>)> {
        let mut between = Vec::new();
        for (number, link) in self.links().into_iter().enumerate() {
            let is_theirs = {
                let link = lock(&link);
                let hosts = link.parties.map(|party| party.host);
                (hosts == [a, b] || hosts == [b, a]) && link.is_up()
            };
            if is_theirs {
                between.push((number, link));
            }
        }
        between
    }

    // ===== faults =====

    /// Breaks what is between two hosts after so many more bytes from the first
    /// to the second.
    pub(crate) fn cut(&self, from: usize, to: usize, after: usize, how: Break) {
        for (number, link) in self.between(from, to) {
            let mut link = lock(&link);
            let side = usize::from(link.parties[1].host == from);
            let at = link.pipes[side].taken.len() + after;
            link.pipes[side].cut.get_or_insert((at, how));
            self.note(format!(
                "link {number} breaks at byte {at} of {from}: {how:?}"
            ));
        }
    }

    /// Breaks what is between two hosts now.
    pub(crate) fn break_now(&self, a: usize, b: usize, how: Break) {
        for (number, link) in self.between(a, b) {
            self.note(format!("link {number} breaks: {how:?}"));
            lock(&link).break_now(how);
        }
    }

    /// Lets nothing from one host arrive at the other.
    pub(crate) fn stall(&self, from: usize, to: usize) {
        for (number, link) in self.between(from, to) {
            let mut link = lock(&link);
            let side = usize::from(link.parties[1].host == from);
            link.pipes[side].stalled = true;
            self.note(format!("link {number} swallows what {from} sends"));
        }
    }

    pub(crate) fn resume(&self, from: usize, to: usize) {
        for (number, link) in self.links().iter().enumerate() {
            let mut link = lock(link);
            let hosts = link.parties.map(|party| party.host);
            let side = usize::from(hosts[1] == from);
            if (hosts == [from, to] || hosts == [to, from]) && link.pipes[side].stalled {
                link.pipes[side].stalled = false;
                link.wake_all();
                self.note(format!("link {number} goes on from {from}"));
            }
        }
    }

    /// Parts two hosts: what they have stalls, and no new link comes up.
    pub(crate) fn part(&self, a: usize, b: usize, how: Apart) {
        self.stall(a, b);
        self.stall(b, a);
        lock(&self.0.state).apart.insert((a.min(b), a.max(b)), how);
        self.note(format!("{a} and {b} are apart: {how:?}"));
    }

    pub(crate) fn rejoin(&self, a: usize, b: usize) {
        lock(&self.0.state).apart.remove(&(a.min(b), a.max(b)));
        self.note(format!("{a} and {b} are together"));
        self.resume(a, b);
        self.resume(b, a);
    }

    /// Makes what is between two hosts slow, or quick.
    pub(crate) fn pace(&self, a: usize, b: usize, per_kib: Duration) {
        for (number, link) in self.between(a, b) {
            self.note(format!("link {number}: {per_kib:?} for a KiB"));
            for pipe in &mut lock(&link).pipes {
                pipe.weather.per_kib = per_kib;
            }
        }
    }

    /// Ends that nobody has accepted go with the host they were for.
    pub(crate) fn host_went(&self, host: usize) {
        let parked = {
            let mut state = lock(&self.0.state);
            let State { parked, links, .. } = &mut *state;
            let for_it = |number: &u64| lock(&links[*number as usize]).parties[1].host == host;
            let numbers: Vec<_> = parked.keys().copied().filter(for_it).collect();
            let ends = numbers.iter().filter_map(|number| parked.remove(number));
            ends.collect::<Vec<_>>()
        };
        drop(parked);
    }

    /// From now on, nothing goes wrong.
    pub(crate) fn heal(&self) {
        {
            let mut state = lock(&self.0.state);
            state.apart.clear();
            state.climate.slow_one_in = 0;
            state.climate.frail_one_in = 0;
            state.climate.narrow_one_in = 0;
            state.climate.large_one_in = 0;
        }
        self.note("the network is well again".to_owned());
        for link in self.links() {
            let mut link = lock(&link);
            for pipe in &mut link.pipes {
                pipe.stalled = false;
                pipe.cut = None;
                pipe.hurry();
            }
            link.wake_all();
        }
    }

    pub(crate) fn is_broken(&self, how: Brokenness) {
        lock(&self.0.state).broken = how;
    }

    /// Whether the last link between this party and a host goes on: the party has heard
    /// the host of late, and what it has sent arrives.
    pub(crate) fn goes_on(&self, by: Party, host: usize, late: Duration) -> bool {
        let links = self.links().into_iter().rev();
        let mut theirs = links.filter_map(|link| {
            let mut link = lock(&link);
            let side = link.parties.iter().position(|party| *party == by)?;
            let is_theirs = link.parties[1 - side].host == host && link.is_greeted();
            is_theirs.then(|| link.goes_on(side, late))
        });
        theirs.next().unwrap_or(false)
    }

    /// Whether nothing is under way on any link that is up.
    pub(crate) fn is_idle(&self) -> bool {
        self.links().iter().all(|link| {
            let link = lock(link);
            !link.is_up() || link.is_idle()
        })
    }

    // ===== links =====

    fn apart(&self, a: usize, b: usize) -> Option<Apart> {
        lock(&self.0.state)
            .apart
            .get(&(a.min(b), a.max(b)))
            .copied()
    }

    /// A new link: the end of whoever dialled, and the number under which the
    /// other one waits.
    fn link(&self, from: Party, to: Party) -> (End, u64) {
        let mut state = lock(&self.0.state);
        let number = state.links.len() as u64;
        let weather = [state.weather(), state.weather()];
        let on_reset = state.how_it_breaks();
        let mut link = Link::new([from, to], weather, on_reset);
        let broken = state.broken;
        link.repeats = broken.repeats;
        link.tls = state.climate.tls;
        let frail = state.climate.frail_one_in;
        if frail > 0 && state.rng.u32(0..frail) == 0 {
            let (at, side) = (state.rng.usize(0..3000), state.rng.usize(0..2));
            link.pipes[side].cut = Some((at, state.how_it_breaks()));
        }
        let vectored = state.rng.bool();
        self.note(format!(
            "link {number}: {} dials {}, {weather:?}, {:?}",
            from.host,
            to.host,
            link.pipes.each_ref().map(|pipe| pipe.cut)
        ));
        let link = Arc::new(Mutex::new(link));
        let end = |side| End::new(Arc::clone(&link), side, vectored);
        let ends = [0, 1].map(|side| end(side).loses_one_in(broken.loses_one_in));
        state.links.push(link);
        let [near, far] = ends;
        state.parked.insert(number, far);
        (near, number)
    }

    fn claim(&self, number: u64, by: Party) -> Option<End> {
        let mut state = lock(&self.0.state);
        if let Some(link) = state.links.get(number as usize) {
            lock(link).parties[1] = by;
        }
        state.parked.remove(&number)
    }

    fn note(&self, what: String) {
        self.0.trace.note(what);
    }
}

impl State {
    fn one_in(&mut self, count: u32) -> bool {
        count > 0 && self.rng.u32(0..count) == 0
    }

    fn weather(&mut self) -> Weather {
        let Climate {
            longest_latency,
            slow_one_in,
            narrow_one_in,
            large_one_in,
            ..
        } = self.climate;
        let large = self.one_in(large_one_in);
        let per_kib = match self.one_in(slow_one_in) {
            _ if large => self.rng.u64(10_000..100_000),
            true => self.rng.u64(20_000..400_000),
            false => self.rng.u64(0..200),
        };
        let narrow = !large && self.one_in(narrow_one_in);
        let small = |rng: &mut fastrand::Rng| match narrow {
            true => rng.usize(1..200),
            false => 128 << 10,
        };
        Weather {
            latency: longest_latency.mul_f64(self.rng.f64()),
            per_kib: Duration::from_micros(per_kib),
            capacity: match narrow {
                true => self.rng.usize(64..2048),
                false if large => 4 << 20,
                false => 1 << self.rng.u32(12..17),
            },
            largest_write: small(&mut self.rng),
            largest_read: small(&mut self.rng),
        }
    }

    fn how_it_breaks(&mut self) -> Break {
        Break {
            looks_orderly: self.rng.bool(),
            keeps: self.rng.bool(),
        }
    }
}

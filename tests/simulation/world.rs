//! What everything in a run shares.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use aiomsg::{Identity, Socket};
use tokio::time::Instant;

use crate::ledger::Ledger;
use crate::network::{Network, Party, lock};
use crate::payload::largest;
use crate::plan::{Fault, Plan};
use crate::sabotage::Sabotage;

pub(crate) struct World {
    pub(crate) network: Network,
    pub(crate) ledger: Ledger,
    /// For what is drawn along the way.
    pub(crate) rng: Mutex<fastrand::Rng>,
    /// Which hosts do not read.
    pub(crate) stopped: Vec<AtomicBool>,
    /// The number of the next message, for each stream of each host.
    pub(crate) progress: Vec<Vec<AtomicUsize>>,
    /// The sockets that are open.
    pub(crate) sockets: Mutex<Vec<Option<Socket>>>,
    pub(crate) sabotage: Option<Sabotage>,
    inboxes: Mutex<Vec<Inbox>>,
    /// Tells the endpoints of this run from those of others in the process.
    run: u64,
}

/// What is known of an inbox that holds more than its bound.
///
/// A connection that gives way to another one of the same peer, or is not let in
/// for it, is read to its end, room or not, since what came by it would be lost.
/// Nothing else may go beyond the bound.
#[derive(Clone, Copy, Default)]
struct Inbox {
    /// Since when it does.
    over: Option<Instant>,
    /// When a connection gave way last.
    gave_way: Option<Instant>,
}

/// How long a peer may be silent by default.
pub(crate) const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a connection that gives way may take.
const GIVES_WAY: Duration = Duration::from_secs(3);

static RUNS: AtomicU64 = AtomicU64::new(0);

/// What a connection holds of bytes that are encoded.
const WRITE_BUFFER: usize = 128 << 10;

impl World {
    pub(crate) fn new(network: Network, ledger: Ledger, sabotage: Option<Sabotage>) -> Self {
        let plan = ledger.plan();
        let hosts = plan.hosts.len();
        let zeros = |count: usize| (0..count).map(|_| AtomicUsize::new(0)).collect();
        Self {
            rng: Mutex::new(fastrand::Rng::with_seed(plan.seed ^ 0x0077_6f72)),
            stopped: (0..hosts).map(|_| AtomicBool::new(false)).collect(),
            progress: plan
                .hosts
                .iter()
                .map(|host| zeros(host.streams.len()))
                .collect(),
            sockets: Mutex::new((0..hosts).map(|_| None).collect()),
            network,
            ledger,
            sabotage,
            inboxes: Mutex::new(vec![Inbox::default(); hosts]),
            run: RUNS.fetch_add(1, Ordering::Relaxed),
        }
    }

    pub(crate) fn plan(&self) -> &Plan {
        self.ledger.plan()
    }

    pub(crate) fn note(&self, what: impl std::fmt::Display) {
        self.ledger.note(what);
    }

    pub(crate) fn fault(&self, what: impl std::fmt::Display) {
        self.ledger.fault(what);
    }

    pub(crate) fn endpoint(&self, host: usize) -> String {
        format!("mem://simulation-{}-{host}", self.run)
    }

    pub(crate) fn identity(&self, host: usize) -> Identity {
        Identity::new(&self.plan().hosts[host].identity).expect("a good identity")
    }

    pub(crate) fn host_of(&self, identity: &Identity) -> Option<usize> {
        let hosts = &self.plan().hosts;
        let is_it = |host: &crate::plan::HostPlan| host.identity == identity.as_bytes();
        hosts.iter().position(is_it)
    }

    /// A host takes another one for dead.
    pub(crate) fn is_dead(&self, by: Party, host: usize) {
        let jumps = |fault: &(_, Fault)| matches!(fault, (_, Fault::Jump(_)));
        let of_late = HEARTBEAT_TIMEOUT / 2;
        if !self.plan().faults.iter().any(jumps) && self.network.goes_on(by, host, of_late) {
            self.fault(format_args!(
                "{by}: {host} was taken for dead, and the connection went on"
            ));
        }
    }

    // ===== memory =====

    /// What a socket holds is within its bounds.
    pub(crate) fn check_bounds(&self, host: usize) {
        let Some(stats) = lock(&self.sockets)[host].as_ref().map(Socket::stats) else {
            return;
        };
        let plan = &self.plan().hosts[host];
        let (senders, peers) = (plan.streams.len(), plan.neighbours.len());
        // Readiness is no reservation: each caller may come on top, and whoever
        // sends again is one.
        for (what, held, bound) in [
            (
                "buffered",
                stats.buffered_messages,
                plan.buffer_limits.items + senders + 1,
            ),
            (
                "unacknowledged",
                stats.unacknowledged_messages,
                plan.unacknowledged_limits.items + senders,
            ),
            ("peers", stats.peers, peers),
        ] {
            if held > bound {
                self.fault(format_args!("host {host}: {what}: {held}, bound {bound}"));
            }
        }
        self.check_inbox(
            host,
            stats.unreceived_messages,
            plan.receive_limits.items + peers,
        );
        let largest = plan
            .streams
            .iter()
            .map(|stream| largest(stream.sizes))
            .max();
        let largest = largest.unwrap_or(0);
        let bound = plan.buffer_limits.bytes
            + plan.absent_limits.bytes
            + plan.unacknowledged_limits.bytes
            + peers * (plan.peer_limits.bytes + WRITE_BUFFER)
            + (senders + 3 * peers + 3) * largest;
        let held = self.ledger.live_bytes(host);
        if held > bound {
            self.fault(format_args!(
                "host {host} holds {held} bytes, bound {bound}"
            ));
        }
    }

    /// A connection of this host gave way to another one of the same peer.
    pub(crate) fn gave_way(&self, host: usize) {
        lock(&self.inboxes)[host].gave_way = Some(Instant::now());
    }

    fn check_inbox(&self, host: usize, held: usize, bound: usize) {
        let mut inboxes = lock(&self.inboxes);
        let inbox = &mut inboxes[host];
        if held <= bound {
            inbox.over = None;
            return;
        }
        let now = Instant::now();
        let since = *inbox.over.get_or_insert(now);
        let gave_way = inbox.gave_way.is_some_and(|then| then + GIVES_WAY >= since);
        if !gave_way && now >= since + GIVES_WAY {
            self.fault(format_args!(
                "host {host}: unreceived: {held}, bound {bound}"
            ));
        }
    }
}

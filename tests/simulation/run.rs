//! One run, from its seed to its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinSet;
use tokio::time::{Instant, advance, sleep, sleep_until, timeout};

use crate::check;
use crate::host::Host;
use crate::ledger::Ledger;
use crate::network::{Network, Party};
use crate::plan::{Ending, Fault, Plan};
use crate::sabotage::Sabotage;
use crate::stranger;
use crate::tally::Tally;
use crate::trace::Trace;
use crate::world::World;

/// What came of a run.
pub(crate) struct Outcome {
    pub(crate) faults: Vec<String>,
    pub(crate) hash: u64,
    pub(crate) lines: Vec<String>,
    pub(crate) tally: Tally,
}

/// Everything arrives within this after the network has healed.
const HEALING: Duration = Duration::from_secs(900);

/// Runs a plan to its end, in a runtime and a time of its own.
pub(crate) fn run(plan: &Plan, sabotage: Option<Sabotage>) -> Outcome {
    run_with(plan, sabotage, false)
}

/// The same, and shows what happens.
pub(crate) fn show(plan: &Plan) -> Outcome {
    run_with(plan, None, true)
}

/// In a thread of its own: the buffers that connections read into are the thread's, and
/// those that an earlier run has left there change how much is read at once.
fn run_with(plan: &Plan, sabotage: Option<Sabotage>, shown: bool) -> Outcome {
    std::thread::scope(|scope| {
        let run = scope.spawn(|| run_here(plan, sabotage, shown));
        match run.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn run_here(plan: &Plan, sabotage: Option<Sabotage>, shown: bool) -> Outcome {
    // The library draws the spread of its delays by this.
    fastrand::seed(plan.seed);
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let trace = Trace::new(shown);
        let network = Network::new(plan.seed, plan.climate, trace.clone());
        if let Some(Sabotage::Network(how)) = sabotage {
            network.is_broken(how);
        }
        let ledger = Ledger::new(plan.clone(), trace.clone());
        let world = Arc::new(World::new(network.clone(), ledger.clone(), sabotage));
        live(&world).await;
        check::all(&ledger, &network);
        let lines = trace.lines();
        Outcome {
            faults: ledger.faults(),
            hash: trace.hash(),
            tally: Tally::of(&ledger, &network, &lines),
            lines,
        }
    })
}

async fn live(world: &Arc<World>) {
    let monitor = tokio::spawn({
        let world = Arc::clone(world);
        async move {
            loop {
                for host in 0..world.plan().hosts.len() {
                    world.check_bounds(host);
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
    });
    let mut hosts = Hosts::new(world).await;
    hosts.trouble().await;
    match world.plan().ending {
        Ending::Amidst => {
            hosts.end().await;
        }
        Ending::Healed => {
            hosts.all_return().await;
            for stopped in &world.stopped {
                stopped.store(false, Ordering::Relaxed);
            }
            world.network.heal();
            let settled = hosts.settle().await;
            let clean = hosts.end().await;
            if settled && !clean {
                world.fault("all had arrived, and something was left when the hosts closed");
            }
        }
    }
    monitor.abort();
    let _ = monitor.await;
    sleep(Duration::from_secs(1)).await;
    let alive = Handle::current().metrics().num_alive_tasks();
    if alive > 0 {
        world.fault(format_args!("{alive} tasks outlived their sockets"));
    }
    for host in 0..world.plan().hosts.len() {
        let held = world.ledger.live_bytes(host);
        if held > 0 {
            world.fault(format_args!("{held} bytes of host {host} outlived it"));
        }
    }
}

struct Hosts<'a> {
    world: &'a Arc<World>,
    hosts: Vec<Option<Host>>,
    lives: Vec<usize>,
    /// Who comes back, and when.
    returning: BTreeMap<(Instant, usize), ()>,
    strangers: JoinSet<()>,
    visits: usize,
}

impl<'a> Hosts<'a> {
    async fn new(world: &'a Arc<World>) -> Self {
        let count = world.plan().hosts.len();
        let mut hosts = Self {
            world,
            hosts: (0..count).map(|_| None).collect(),
            lives: vec![0; count],
            returning: BTreeMap::new(),
            strangers: JoinSet::new(),
            visits: 0,
        };
        for host in 0..count {
            hosts.start(host).await;
        }
        hosts
    }

    async fn start(&mut self, host: usize) {
        if self.hosts[host].is_none() {
            let life = self.lives[host];
            self.lives[host] += 1;
            self.hosts[host] = Some(Host::start(self.world, Party { host, life }).await);
        }
    }

    async fn all_return(&mut self) {
        self.strangers.shutdown().await;
        self.returning.clear();
        for host in 0..self.hosts.len() {
            self.start(host).await;
        }
    }

    /// Does what the plan has of faults.
    async fn trouble(&mut self) {
        let plan = self.world.plan();
        let began = Instant::now();
        for &(at, fault) in &plan.faults {
            self.wait_until(began + at).await;
            self.world.note(format_args!("{fault:?}"));
            self.fault(fault).await;
        }
        self.wait_until(began + plan.trouble).await;
    }

    /// Waits, and starts those again whose time it is.
    async fn wait_until(&mut self, then: Instant) {
        while let Some((&(at, host), ())) = self.returning.first_key_value()
            && at <= then
        {
            sleep_until(at).await;
            self.returning.pop_first();
            self.start(host).await;
        }
        sleep_until(then).await;
    }

    async fn fault(&mut self, fault: Fault) {
        let network = &self.world.network;
        match fault {
            Fault::Cut(a, b, after, how) => network.cut(a, b, after, how),
            Fault::Break(a, b, how) => network.break_now(a, b, how),
            Fault::Stall(a, b) => network.stall(a, b),
            Fault::Resume(a, b) => network.resume(a, b),
            Fault::Part(a, b, how) => network.part(a, b, how),
            Fault::Rejoin(a, b) => network.rejoin(a, b),
            Fault::Pace(a, b, per_kib) => network.pace(a, b, per_kib),
            Fault::StopReading(host) => self.world.stopped[host].store(true, Ordering::Relaxed),
            Fault::GoOnReading(host) => self.world.stopped[host].store(false, Ordering::Relaxed),
            Fault::Kill(host, away) => {
                if let Some(victim) = self.hosts[host].take() {
                    victim.kill(self.world).await;
                    self.returning.insert((Instant::now() + away, host), ());
                }
            }
            Fault::Close(host, how, away) => {
                if let Some(closing) = self.hosts[host].take() {
                    self.world.stopped[host].store(false, Ordering::Relaxed);
                    closing.close(self.world, how).await;
                    self.returning.insert((Instant::now() + away, host), ());
                }
            }
            Fault::Jump(time) => advance(time).await,
            Fault::Stranger(visit) => {
                let (world, number) = (Arc::clone(self.world), self.visits);
                self.visits += 1;
                self.strangers.spawn(stranger::visit(world, number, visit));
            }
        }
    }

    /// Waits until all is sent and received, for as long as that may take.
    async fn settle(&mut self) -> bool {
        let world = self.world;
        let quiet = async {
            loop {
                let hosts = self.hosts.iter_mut().flatten();
                let busy = hosts.filter_map(|host| (!host.is_quiet()).then(|| host.party()));
                let busy: Vec<_> = busy.map(|party| party.host).collect();
                if busy.is_empty() && world.network.is_idle() && check::unsettled(world).is_empty()
                {
                    return;
                }
                sleep(Duration::from_millis(500)).await;
            }
        };
        let settled = timeout(HEALING, quiet).await.is_ok();
        if !settled {
            let left = check::unsettled(world);
            let busy = self.hosts.iter_mut().flatten();
            let busy = busy.filter_map(|host| (!host.is_quiet()).then(|| host.party().host));
            let busy: Vec<_> = busy.collect();
            world.fault(format_args!(
                "not settled {HEALING:?} after the network healed: hosts {busy:?} are busy, idle \
                 network: {}, {} messages: {:?}",
                world.network.is_idle(),
                left.len(),
                left.iter().take(5).collect::<Vec<_>>()
            ));
        }
        world.note(format_args!("settled: {settled}"));
        settled
    }

    /// Closes all hosts. Says whether nothing was left over.
    async fn end(&mut self) -> bool {
        self.strangers.shutdown().await;
        let mut clean = true;
        for &(host, how) in &self.world.plan().closing {
            self.world.stopped[host].store(false, Ordering::Relaxed);
            if let Some(closing) = self.hosts[host].take() {
                clean &= closing.close(self.world, how).await;
            }
        }
        clean
    }
}

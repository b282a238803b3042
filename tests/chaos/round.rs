//! One round, from its seed to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aiomsg::TlsConfig;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::check;
use crate::host::Host;
use crate::ledger::Party;
use crate::plan::{Closing, Ending, Fault, Plan};
use crate::tally::Tally;
use crate::world::{Sabotage, World};

/// What came of a round.
pub(crate) struct Outcome {
    pub(crate) faults: Vec<String>,
    pub(crate) tally: Tally,
    /// What happened, line by line.
    pub(crate) lines: Vec<String>,
}

/// Nothing takes longer once the network is well, on whatever machine.
const HEALING: Duration = Duration::from_secs(60);

/// What has not arrived when nothing has arrived for so long does not arrive any more.
const SILENCE: Duration = Duration::from_secs(1);

/// A host that is started, closed and killed. Whoever does that has it locked.
struct Slot {
    host: Mutex<Option<Host>>,
    lives: AtomicUsize,
}

pub(crate) async fn run(
    plan: Plan,
    tls: TlsConfig,
    sabotage: Option<Sabotage>,
    shown: bool,
) -> Outcome {
    let world = Arc::new(World::new(plan, tls, sabotage, shown).await);
    let slots = world.plan.hosts.iter().map(|_| Slot {
        host: Mutex::default(),
        lives: AtomicUsize::new(0),
    });
    let mut round = Round {
        slots: Arc::new(slots.collect()),
        world,
        under_way: JoinSet::new(),
    };
    round.run().await;
    let world = round.world;
    check::all(&world);
    Outcome {
        faults: world.ledger.faults(),
        tally: Tally::of(&world),
        lines: world.lines(),
    }
}

struct Round {
    world: Arc<World>,
    slots: Arc<Vec<Slot>>,
    /// Hosts that are closed, or away.
    under_way: JoinSet<()>,
}

impl Slot {
    async fn start(&self, world: &Arc<World>, host: usize) {
        let life = self.lives.fetch_add(1, Ordering::Relaxed);
        let started = Host::start(world, Party { host, life }).await;
        *self.host.lock().await = Some(started);
    }
}

impl Round {
    async fn run(&mut self) {
        for host in 0..self.slots.len() {
            self.slots[host].start(&self.world, host).await;
        }
        let begin = Instant::now();
        let (faults, trouble) = (self.world.plan.faults.clone(), self.world.plan.trouble);
        for (at, fault) in faults {
            sleep_until(begin + at).await;
            self.fault(fault);
        }
        sleep_until(begin + trouble).await;
        self.world.heal();
        self.world.note("the network is well");
        while let Some(ended) = self.under_way.join_next().await {
            ended.unwrap();
        }
        self.within("all that was begun is sent", self.streams_end())
            .await;
        self.within("all are connected", self.all_are_connected())
            .await;
        for slot in &*self.slots {
            if let Some(host) = &mut *slot.host.lock().await {
                host.send(&self.world, true);
            }
        }
        let settled = match self.world.plan.ending {
            Ending::Settled => {
                self.within("all that is sent is accepted", self.streams_end())
                    .await;
                self.within("all is received", self.is_quiet()).await
            }
            Ending::Amidst => false,
        };
        let clean = self.close_all().await;
        if settled && !clean {
            let fault = "all was received, and something was left when the hosts closed";
            self.world.fault(fault);
        }
    }

    async fn within(&self, what: &str, future: impl Future<Output = ()>) -> bool {
        let done = timeout(HEALING, future).await.is_ok();
        self.world.note(format_args!("{what}: {done}"));
        if !done {
            let open = self.world.ledger.open();
            self.world.fault(format_args!(
                "{what}: not within {HEALING:?} after the network was well; {open} messages are open"
            ));
        }
        done
    }

    fn fault(&mut self, fault: Fault) {
        let world = &self.world;
        world.note(format_args!("{fault:?}"));
        let proxy = |edge: usize| &world.proxies[edge];
        match fault {
            Fault::Cut(edge, how) => proxy(edge).cut(how),
            Fault::CutAfter(edge, from_dialler, bytes, how) => {
                proxy(edge).cut_after(from_dialler, bytes, how);
            }
            Fault::Stall(edge, sides) => proxy(edge).stall(sides),
            Fault::Resume(edge) => proxy(edge).resume(),
            Fault::Refuse(edge) => proxy(edge).refuse(true),
            Fault::LetIn(edge) => proxy(edge).refuse(false),
            Fault::StopReading(host) => world.stopped[host].store(true, Ordering::Relaxed),
            Fault::GoOnReading(host) => world.stopped[host].store(false, Ordering::Relaxed),
            Fault::Kill(host, away) => self.ends(host, None, away),
            Fault::Close(host, deadline, away) => {
                let closing = Closing {
                    after: Duration::ZERO,
                    deadline,
                    cancelled: None,
                    twice: false,
                };
                self.ends(host, Some(closing), away);
            }
        }
    }

    /// The host ends, and comes back. One that is away already stays so.
    fn ends(&mut self, host: usize, closing: Option<Closing>, away: Duration) {
        let (world, slots) = (Arc::clone(&self.world), Arc::clone(&self.slots));
        self.under_way.spawn(async move {
            let slot = &slots[host];
            let Some(victim) = slot.host.try_lock().ok().and_then(|mut it| it.take()) else {
                return;
            };
            match closing {
                Some(closing) => _ = victim.close(&world, closing).await,
                None => victim.kill(&world).await,
            }
            sleep(away).await;
            slot.start(&world, host).await;
        });
    }

    /// Until nobody sends any more.
    async fn streams_end(&self) {
        for slot in &*self.slots {
            if let Some(host) = &mut *slot.host.lock().await {
                while let Some(ended) = host.streams.join_next().await {
                    ended.unwrap();
                }
            }
        }
    }

    async fn all_are_connected(&self) {
        for (number, slot) in self.slots.iter().enumerate() {
            if let Some(host) = &*slot.host.lock().await {
                let peers = self.world.plan.hosts[number].neighbours.len();
                let _ = host.socket.wait_for_peers(peers).await;
            }
        }
    }

    /// Until nothing waits to be sent or received, and nothing is on its way.
    async fn is_quiet(&self) {
        let (mut seen, mut since) = (0, Instant::now());
        loop {
            let mut waiting = 0;
            for slot in &*self.slots {
                if let Some(host) = &*slot.host.lock().await {
                    let stats = host.socket.stats();
                    waiting += stats.buffered_messages + stats.unreceived_messages;
                    waiting += stats.unacknowledged_messages;
                }
            }
            let arrived = self.world.ledger.arrivals_so_far();
            if arrived != seen {
                (seen, since) = (arrived, Instant::now());
            }
            let silent = since.elapsed() > SILENCE;
            if waiting == 0 && (silent || self.world.ledger.open() == 0) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Closes all hosts. Says whether nothing was left over.
    async fn close_all(&self) -> bool {
        let mut closings = JoinSet::new();
        for (number, slot) in self.slots.iter().enumerate() {
            let closing = self.world.plan.closings[number];
            if let Some(host) = slot.host.lock().await.take() {
                let world = Arc::clone(&self.world);
                closings.spawn(async move { host.close(&world, closing).await });
            }
        }
        closings.join_all().await.into_iter().all(|clean| clean)
    }
}

//! What everything in a round shares.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aiomsg::{Identity, TlsConfig};

use tokio::time::Instant;

use crate::ledger::{Ledger, Party};
use crate::plan::Plan;
use crate::proxy::Proxy;
use crate::timeline::Timeline;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) ledger: Ledger,
    pub(crate) timeline: Timeline,
    /// One for each edge.
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) tls: TlsConfig,
    /// Which hosts take no messages.
    pub(crate) stopped: Vec<AtomicBool>,
    /// The number of the next message, for each stream of each host.
    pub(crate) progress: Vec<Vec<AtomicUsize>>,
    pub(crate) sabotage: Option<Sabotage>,
    /// What happens is shown.
    shown: bool,
    began: Instant,
    lines: Mutex<Vec<String>>,
    kept: Mutex<Option<(Party, Vec<u8>)>>,
    received: AtomicUsize,
}

/// What is done to the notes on purpose, to see that the checker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// A message that was received is not noted.
    Forget,
    /// It is noted twice.
    Repeat,
    /// It is noted behind the next one.
    Swap,
    /// One of its bytes is another one.
    Change,
    /// Reports of closing are not read.
    Conceal,
}

/// One message of so many is not noted as it should be.
const SABOTAGED_ONE_IN: usize = 41;

impl World {
    pub(crate) async fn new(
        plan: Plan,
        tls: TlsConfig,
        sabotage: Option<Sabotage>,
        shown: bool,
    ) -> Self {
        let mut proxies = Vec::new();
        for edge in &plan.edges {
            proxies.push(Proxy::start(*edge).await);
        }
        let hosts = plan.hosts.iter();
        let zeros = |count: usize| (0..count).map(|_| AtomicUsize::new(0)).collect();
        Self {
            ledger: Ledger::default(),
            timeline: Timeline::default(),
            proxies,
            tls,
            stopped: hosts.clone().map(|_| AtomicBool::new(false)).collect(),
            progress: hosts.map(|host| zeros(host.streams.len())).collect(),
            sabotage,
            shown,
            began: Instant::now(),
            lines: Mutex::default(),
            kept: Mutex::default(),
            received: AtomicUsize::new(0),
            plan,
        }
    }

    pub(crate) fn identity(host: usize) -> Identity {
        Identity::new(format!("host-{host:02}-of-these")).expect("a good identity")
    }

    pub(crate) fn host_of(&self, identity: &Identity) -> Option<usize> {
        (0..self.plan.hosts.len()).find(|host| Self::identity(*host) == *identity)
    }

    /// Notes what happens, and when.
    pub(crate) fn note(&self, what: impl std::fmt::Display) {
        let line = format!("{:>8.3} {what}", self.since(Instant::now()));
        if self.shown {
            println!("{line}");
        }
        lock(&self.lines).push(line);
    }

    /// All that was noted.
    pub(crate) fn lines(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.lines))
    }

    /// Seconds since the round began.
    pub(crate) fn since(&self, then: Instant) -> f64 {
        then.duration_since(self.began).as_secs_f64()
    }

    pub(crate) fn fault(&self, what: impl std::fmt::Display) {
        self.note(format_args!("FAULT {what}"));
        self.ledger.fault(what);
    }

    pub(crate) fn scheme(&self) -> &'static str {
        match self.plan.tls {
            true => "tls",
            false => "tcp",
        }
    }

    /// Nobody is held up any more.
    pub(crate) fn heal(&self) {
        for stopped in &self.stopped {
            stopped.store(false, Ordering::Relaxed);
        }
        for proxy in &self.proxies {
            proxy.heal();
        }
    }

    /// Notes what a host has received.
    pub(crate) fn received(&self, by: Party, payload: &[u8]) {
        let count = self.received.fetch_add(1, Ordering::Relaxed);
        let now = count % SABOTAGED_ONE_IN == SABOTAGED_ONE_IN - 1;
        match self.sabotage.filter(|_| now) {
            Some(Sabotage::Forget) => return,
            Some(Sabotage::Repeat) => self.ledger.received(by, payload),
            Some(Sabotage::Swap) => {
                let kept = lock(&self.kept).replace((by, payload.to_vec()));
                if let Some((by, payload)) = kept {
                    self.ledger.received(by, &payload);
                }
                return;
            }
            Some(Sabotage::Change) => {
                let changed: Vec<_> = payload.iter().map(|byte| byte ^ 1).collect();
                return self.ledger.received(by, &changed);
            }
            Some(Sabotage::Conceal) | None => {}
        }
        self.ledger.received(by, payload);
        if self.sabotage == Some(Sabotage::Swap)
            && let Some((by, payload)) = lock(&self.kept).take()
        {
            self.ledger.received(by, &payload);
        }
    }
}

//! Who is killed when: drawn from a seed, and told when a test fails.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How long the cruelty of each test lasts.
const SECONDS: &str = "AIOMSG_CRUEL_SECONDS";

/// What the numbers are drawn from.
const SEED: &str = "AIOMSG_CRUEL_SEED";

const DEFAULT_SECONDS: u64 = 4;

const LEAST_KILLS: usize = 3;

/// How many kills are shown when a test fails: the same seed gives the others.
const SHOWN: usize = 40;

/// The kills of one test. When the test fails, it prints them.
pub(crate) struct Schedule {
    test: String,
    seed: u64,
    random: fastrand::Rng,
    start: Instant,
    length: Duration,
    kills: RefCell<Vec<String>>,
}

/// The life of one process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    /// Whether it is killed as soon as it is there, whatever it does then; or
    /// else when it has worked.
    pub(crate) short: bool,
    /// How long it lives then.
    pub(crate) length: Duration,
    /// How long it is away before the next one comes. Often not at all.
    pub(crate) pause: Duration,
    /// Whether the next one is somebody else.
    pub(crate) stranger: bool,
}

impl Schedule {
    pub(crate) fn new(test: String) -> Self {
        let seed = number(SEED).unwrap_or_else(|| fastrand::u64(..1 << 32));
        Self {
            test,
            seed,
            random: fastrand::Rng::with_seed(seed),
            start: Instant::now(),
            length: Duration::from_secs(number(SECONDS).unwrap_or(DEFAULT_SECONDS)),
            kills: RefCell::default(),
        }
    }

    /// Whether there was enough of it, however slow the machine is.
    pub(crate) fn is_over(&self) -> bool {
        self.start.elapsed() >= self.length && self.kills() >= LEAST_KILLS
    }

    /// Whether the run is long enough to say something of memory.
    pub(crate) fn is_long(&self) -> bool {
        self.length >= Duration::from_secs(60)
    }

    /// Whether all tests of this process, which share its memory, have been at work for long.
    pub(crate) fn is_warm(&self) -> bool {
        self.start.elapsed() >= self.length / 4 && self.kills() >= LEAST_KILLS
    }

    pub(crate) fn next_life(&mut self) -> Life {
        let millis = |random: &mut fastrand::Rng, most| Duration::from_millis(random.u64(0..most));
        let random = &mut self.random;
        let short = random.u8(..4) == 0;
        Life {
            short,
            length: millis(random, if short { 100 } else { 800 }),
            pause: match random.bool() {
                true => Duration::ZERO,
                false => millis(random, 600),
            },
            stranger: random.u8(..3) == 0,
        }
    }

    /// One of `count`.
    pub(crate) fn pick(&mut self, count: usize) -> usize {
        self.random.usize(..count)
    }

    /// Notes a kill.
    pub(crate) fn killed(&self, what: &str) {
        let at = self.start.elapsed().as_secs_f64();
        let mut kills = self.kills.borrow_mut();
        kills.push(format!("{at:8.3} s  {what}"));
    }

    pub(crate) fn kills(&self) -> usize {
        self.kills.borrow().len()
    }

    /// Prints what was seen.
    pub(crate) fn report(&self, seen: &str) {
        let Self { test, seed, .. } = self;
        let (length, kills) = (self.start.elapsed().as_secs(), self.kills());
        println!("{test}: {length} s, seed {seed}: {kills} kills, {seen}");
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { test, seed, .. } = self;
            let kills = self.kills.borrow();
            let last = &kills[kills.len().saturating_sub(SHOWN)..];
            let (count, last) = (kills.len(), last.join("\n"));
            eprintln!(
                "{test} failed with {SEED}={seed} and {count} kills, the last of them\n{last}"
            );
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text}: not a number")),
    )
}

/// An address of the loopback interface that nobody uses, and whose port the
/// system gives to nobody who asks for any.
///
/// The other ends dial it while nobody listens. With a port out of the system's
/// range, one of those would some day connect to itself, and keep the server
/// out.
pub(crate) fn address() -> String {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Other processes that test begin elsewhere.
    let base = (std::process::id() % 200) as u16 * 100;
    for _ in 0..COUNT {
        let port = FIRST + (base + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return format!("127.0.0.1:{port}");
        }
    }
    panic!("no port is free");
}

//! The spool between the two sides: messages outlive the proxy.
//!
//! ```text
//!  producers ─▶ frontend ─▶ [ gate ] ─▶ store ─▶ drainer ─▶ backend ─▶ consumers
//!              acknowledged when stored ◀┘  └▶ deleted when acknowledged
//! ```

mod identity;
mod server;
mod settings;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use aiomsg::builder::Overflow;
use aiomsg::parts::layers::reasons::{Line, Reasons};
use aiomsg::parts::vocabulary::sync::Mutex;
use aiomsg::{Identity, Outbound, Socket};
use aiomsg_spool::store::Stats;
use aiomsg_spool::{Spool, SpoolError};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tower::ServiceExt;

use super::observe::status;
use crate::common::failure::{Failure, Outcome};
use crate::common::off_thread::off_thread;
use crate::common::said::said;
pub(super) use settings::SpoolArgs;

/// How often the store is counted.
const STEP: Duration = Duration::from_secs(1);

/// The pause before a store without room is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a drainer may take to note the last acknowledgements.
const SETTLING: Duration = Duration::from_secs(5);

/// The spool of a proxy.
pub(super) struct Spooling {
    spool: Spool,
    /// Whether messages beyond the limits are refused.
    refuses: bool,
    /// That of the backend, unless the settings name another.
    identity: Identity,
    /// Since the start.
    acknowledged: Arc<AtomicU64>,
    /// The last count.
    stats: Mutex<Stats>,
    state: watch::Sender<State>,
    /// Whether a drain has stored what had arrived.
    caught_up: AtomicBool,
    /// The dropped messages of which the log has heard.
    told_dropped: AtomicU64,
    reasons: Reasons<Kind, String>,
}

/// What the log is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Fails,
    Drops,
    SetsAside,
}

/// Whether the store takes messages.
#[derive(Debug, Clone, PartialEq)]
enum State {
    Works,
    /// It does not for this reason, and may again.
    Fails(String),
    /// It never will again.
    Broken(String),
    /// Nobody waits for it any more.
    GivenUp,
}

/// Why messages are not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotStored {
    /// The limits are reached, and `--overflow` says to refuse new messages.
    Refused,
    /// The store is broken, or the proxy has ended.
    GivenUp,
}

impl Spooling {
    /// Opens the store, which no other process may have open.
    pub(super) async fn open(settings: &SpoolArgs, overflow: Overflow) -> Outcome<Option<Self>> {
        let (Some(folder), Some(spool)) = (
            settings.folder(),
            settings
                .open(overflow)
                .await
                .map_err(|error| failed(&error))?,
        ) else {
            return Ok(None);
        };
        let identity = match settings::is_url(folder) {
            // Several proxies may share the stream, and each has a name of its own.
            true => Identity::random(),
            false => {
                let path = folder.to_owned();
                off_thread(move || identity::kept_in(&path)).await?
            }
        };
        let stats = spool.stats().await.map_err(|error| failed(&error))?;
        let refuses = overflow == Overflow::RefuseNewest;
        Ok(Some(Self::new(spool, identity, stats, refuses)))
    }

    fn new(spool: Spool, identity: Identity, stats: Stats, refuses: bool) -> Self {
        Self {
            spool,
            refuses,
            identity,
            acknowledged: Arc::default(),
            stats: Mutex::new(stats),
            state: watch::Sender::new(State::Works),
            caught_up: AtomicBool::new(false),
            told_dropped: AtomicU64::new(0),
            reasons: Reasons::new(3),
        }
    }

    /// The identity under which stored messages are sent, each time.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    // ===== storing =====

    /// Stores messages, and waits for room as long as it takes. They are made anew for
    /// each try, so that the first try, which is nearly always the only one, needs no copy.
    pub(super) async fn store<M>(&self, messages: impl Fn() -> M) -> Result<(), NotStored>
    where
        M: IntoIterator<Item = Outbound>,
    {
        loop {
            let stored = tokio::select! {
                stored = self.spool.append_many(messages()) => stored,
                () = self.is(|state| *state == State::GivenUp) => return Err(NotStored::GivenUp),
            };
            match stored {
                Ok(()) => {
                    self.works();
                    return Ok(());
                }
                Err(SpoolError::Full { .. }) if self.refuses => return Err(NotStored::Refused),
                Err(error) if !error.is_temporary() => {
                    self.breaks(&error);
                    return Err(NotStored::GivenUp);
                }
                Err(error) => self.fails(&error),
            }
            tokio::select! {
                () = sleep(PAUSE) => {}
                () = self.is(|state| *state == State::GivenUp) => return Err(NotStored::GivenUp),
            }
        }
    }

    fn works(&self) {
        let again = self.state.send_if_modified(|state| {
            let failed = matches!(state, State::Fails(_));
            if failed {
                *state = State::Works;
            }
            failed
        });
        if again {
            tracing::info!("the spool stores messages again");
        }
    }

    fn fails(&self, error: &SpoolError) {
        let why = said(error).to_string();
        self.note(Kind::Fails, why.clone());
        self.turn_to(State::Fails(why));
    }

    fn note(&self, kind: Kind, why: String) {
        if let Some(line) = self.reasons.note(kind, why, true) {
            log(&line);
        }
    }

    fn breaks(&self, error: &SpoolError) {
        self.turn_to(State::Broken(said(error).to_string()));
    }

    /// The worst state stays.
    fn turn_to(&self, new: State) {
        self.state.send_if_modified(|state| {
            let changes = match state {
                State::Works => true,
                State::Fails(_) => *state != new,
                State::Broken(_) => new == State::GivenUp,
                State::GivenUp => false,
            };
            if changes {
                *state = new;
            }
            changes
        });
    }

    async fn is(&self, so: impl Fn(&State) -> bool) {
        let mut state = self.state.subscribe();
        if state.wait_for(so).await.is_err() {
            // The sender is here.
            std::future::pending::<()>().await;
        }
    }

    // ===== sending =====

    /// Sends what is stored to consumers.
    pub(super) fn drain(self: &Arc<Self>, backend: Socket) -> Outcome<JoinHandle<()>> {
        let acknowledged = Arc::clone(&self.acknowledged);
        let counted = backend.map_response(move |()| {
            acknowledged.fetch_add(1, Relaxed);
        });
        let drainer = self.spool.drainer(counted);
        let drainer = drainer.map_err(|error| Failure::because(&error))?;
        let spooling = Arc::clone(self);
        Ok(tokio::spawn(async move {
            let stop = spooling.is(|state| *state == State::GivenUp);
            if let Err(error) = drainer.run_until(stop).await {
                spooling.breaks(&error);
            }
        }))
    }

    // ===== looking =====

    /// Counts the store, and logs failures, for as long as the proxy runs.
    pub(super) async fn watch(self: Arc<Self>) {
        let mut ticks = interval(STEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let counting = async {
            loop {
                ticks.tick().await;
                match self.spool.stats().await {
                    Ok(stats) => self.counted(stats),
                    Err(error) if error.is_temporary() => {}
                    // It is closed, or breaks for those that store messages.
                    Err(_) => std::future::pending().await,
                }
            }
        };
        tokio::select! {
            () = counting => {}
            never = self.reasons.each_due(log) => match never {},
        }
    }

    fn counted(&self, stats: Stats) {
        let before = std::mem::replace(&mut *self.stats.lock(), stats);
        let aside = stats.dead.messages.saturating_sub(before.dead.messages);
        if aside > 0 {
            let what = "they waited longer than a message may, failed too often, or are damaged";
            self.note(
                Kind::SetsAside,
                format!("{what}: {aside} in the last second"),
            );
        }
        let dropped = self.dropped();
        let dropped = dropped - self.told_dropped.swap(dropped, Relaxed);
        if dropped > 0 {
            let what = "the spool has reached its limit, and the overflow rule drops the oldest";
            self.note(Kind::Drops, format!("{what}: {dropped} in the last second"));
        }
    }

    /// The state of the store, as it was when it was counted last.
    pub(super) fn status(&self) -> status::Spool {
        let stats = *self.stats.lock();
        let age = stats.oldest.map(|it| it.elapsed().unwrap_or_default());
        status::Spool {
            messages: stats.waiting.messages,
            bytes: stats.waiting.bytes,
            oldest_seconds: age.map(|it| it.as_secs()),
            dead_messages: stats.dead.messages,
            dead_bytes: stats.dead.bytes,
            disk_bytes: stats.disk_bytes,
            damaged_messages: stats.damaged_messages,
            unreadable_places: stats.unreadable_places,
            acknowledged: self.acknowledged.load(Relaxed),
            acknowledged_rate: 0.0,
            failure: self.failure(),
        }
    }

    /// How many messages the overflow rule has dropped since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.spool.dropped()
    }

    /// Why the store takes no messages. `None`: it does.
    pub(super) fn failure(&self) -> Option<String> {
        match &*self.state.borrow() {
            State::Fails(why) | State::Broken(why) => Some(format!("the spool: {why}")),
            State::Works | State::GivenUp => None,
        }
    }

    /// Ready when the store is broken.
    pub(super) async fn broken(&self) -> Failure {
        self.is(|state| matches!(state, State::Broken(_))).await;
        Failure::failed(self.failure().unwrap_or_default())
    }

    // ===== ending =====

    /// Notes that what had arrived is stored.
    pub(super) fn note_caught_up(&self) {
        self.caught_up.store(true, Relaxed);
    }

    pub(super) fn is_caught_up(&self) -> bool {
        self.caught_up.load(Relaxed) || *self.state.borrow() != State::Works
    }

    /// Stores nothing more, and sends nothing more: the time for it is over.
    pub(super) fn give_up(&self) {
        self.turn_to(State::GivenUp);
    }

    /// Closes the store behind its drainer, which has given up. Returns how many messages
    /// stay there.
    pub(super) async fn close(&self, drainer: JoinHandle<()>) -> Outcome<u64> {
        let abort = drainer.abort_handle();
        if timeout(SETTLING, drainer).await.is_err() {
            // What it has not noted is sent again.
            abort.abort();
        }
        let stats = self.spool.stats().await.map_err(|error| failed(&error))?;
        self.spool.close().await.map_err(|error| failed(&error))?;
        *self.stats.lock() = stats;
        self.reasons.rest().iter().for_each(log);
        Ok(stats.waiting.messages)
    }

    /// Closes the store at once. What it has is durable then.
    pub(super) async fn end(&self) {
        let _ = timeout(SETTLING, self.spool.close()).await;
    }
}

fn failed(error: &SpoolError) -> Failure {
    Failure::failed(format!("the spool: {}", said(error)))
}

fn log(line: &Line<Kind, String>) {
    let reason = &line.last;
    let more = (line.more > 0).then_some(line.more);
    match line.kind {
        Kind::Fails => tracing::warn!(reason, more, "the spool stores no messages"),
        Kind::Drops => tracing::warn!(reason, more, "the spool dropped messages"),
        Kind::SetsAside => tracing::warn!(reason, more, "the spool set messages aside"),
    }
}

#[cfg(test)]
mod tests;

//! What a proxy is told by signals.

#[cfg(unix)]
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(unix)]
use std::sync::{Arc, OnceLock};

#[cfg(unix)]
use nix::sys::signal::{SigSet, Signal as Number};
#[cfg(unix)]
use tokio::sync::mpsc;

use crate::common::failure::{Failure, Outcome};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Reload,
    Pause,
    Resume,
    End,
}

fn failed(error: &std::io::Error) -> Failure {
    Failure::failed(format!("the system gives no signals: {error}"))
}

#[cfg(unix)]
pub(super) struct Signals {
    hangup: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    /// To pause and to resume, in their order.
    users: mpsc::Receiver<Signal>,
}

/// A signal to read the file again that comes before the proxy listens for it.
#[cfg(unix)]
static EARLY: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// The signals to pause and to resume.
#[cfg(unix)]
fn users() -> SigSet {
    let mut users = SigSet::empty();
    users.add(Number::SIGUSR1);
    users.add(Number::SIGUSR2);
    users
}

/// From now on a signal to reload, pause or resume does not end the process, and waits
/// until the proxy listens for it. To be called before anything else, and before any
/// other thread is there.
#[cfg(unix)]
pub(crate) fn expect() {
    // Handlers of two signals that have come would run in the opposite order. They are
    // blocked, and one thread waits for both.
    let _ = users().thread_block();
    let flag = EARLY.get_or_init(Arc::default);
    // It fails for signals that nobody may catch, and this is none.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(flag));
}

#[cfg(unix)]
impl Signals {
    pub(super) fn new() -> Outcome<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|error| failed(&error));
        let (to, users) = mpsc::channel(WAITING);
        let thread = std::thread::Builder::new().name("signals".to_owned());
        thread
            .spawn(move || wait(&to))
            .map_err(|error| failed(&error))?;
        Ok(Self {
            hangup: listen(SignalKind::hangup())?,
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            users,
        })
    }

    /// The next one. Cancel safe.
    pub(super) async fn next(&mut self) -> Signal {
        if EARLY
            .get()
            .is_some_and(|early| early.swap(false, Ordering::Relaxed))
        {
            return Signal::Reload;
        }
        tokio::select! {
            _ = self.terminate.recv() => Signal::End,
            _ = self.interrupt.recv() => Signal::End,
            _ = self.hangup.recv() => {
                // The same one.
                if let Some(early) = EARLY.get() {
                    early.store(false, Ordering::Relaxed);
                }
                Signal::Reload
            }
            Some(user) = self.users.recv() => user,
        }
    }
}

/// More than these wait with the system, which keeps one of each.
#[cfg(unix)]
const WAITING: usize = 16;

/// Waits for signals to pause and to resume, until nobody wants them any more.
#[cfg(unix)]
fn wait(to: &mpsc::Sender<Signal>) {
    let users = users();
    while let Ok(signal) = users.wait() {
        let signal = match signal {
            Number::SIGUSR1 => Signal::Pause,
            _ => Signal::Resume,
        };
        if to.blocking_send(signal).is_err() {
            return;
        }
    }
}

/// Elsewhere there is the key to interrupt, and no more.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn new() -> Outcome<Self> {
        Ok(Self)
    }

    pub(super) async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::End,
            Err(error) => {
                failed(&error).report();
                std::future::pending().await
            }
        }
    }
}

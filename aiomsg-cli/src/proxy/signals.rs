//! What a proxy is told by signals.

#[cfg(unix)]
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
#[cfg(unix)]
use std::sync::{Arc, OnceLock};

#[cfg(unix)]
use signal_hook::consts::{SIGUSR1, SIGUSR2};

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
    user1: tokio::signal::unix::Signal,
    user2: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    /// Which of the two for users came last.
    last_user: Arc<AtomicUsize>,
}

/// A signal to read the file again that comes before the proxy listens for it.
#[cfg(unix)]
static EARLY: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on a signal to read the file again does not end the process. To be called
/// before anything else.
#[cfg(unix)]
pub(crate) fn expect_reload() {
    let flag = EARLY.get_or_init(Arc::default);
    // It fails for signals that nobody may catch, and this is none.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(flag));
}

#[cfg(unix)]
impl Signals {
    pub(super) fn new() -> Outcome<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|error| failed(&error));
        let last_user = Arc::new(AtomicUsize::new(0));
        for signal in [SIGUSR1, SIGUSR2] {
            let last = Arc::clone(&last_user);
            signal_hook::flag::register_usize(signal, last, signal as usize)
                .map_err(|error| failed(&error))?;
        }
        Ok(Self {
            hangup: listen(SignalKind::hangup())?,
            user1: listen(SignalKind::user_defined1())?,
            user2: listen(SignalKind::user_defined2())?,
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            last_user,
        })
    }

    /// The next one. Cancel safe.
    pub(super) async fn next(&mut self) -> Signal {
        loop {
            if EARLY
                .get()
                .is_some_and(|early| early.swap(false, Ordering::Relaxed))
            {
                return Signal::Reload;
            }
            tokio::select! {
                _ = self.terminate.recv() => return Signal::End,
                _ = self.interrupt.recv() => return Signal::End,
                _ = self.hangup.recv() => {
                    // The same one.
                    if let Some(early) = EARLY.get() {
                        early.store(false, Ordering::Relaxed);
                    }
                    return Signal::Reload;
                }
                _ = self.user1.recv() => {}
                _ = self.user2.recv() => {}
            }
            // The last one counts, whichever of the two is heard first.
            match self.last_user.swap(0, Ordering::AcqRel) as i32 {
                SIGUSR1 => return Signal::Pause,
                SIGUSR2 => return Signal::Resume,
                _ => {}
            }
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

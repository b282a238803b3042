//! What a proxy is told by signals.

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
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    /// To reload, pause and resume, in their order.
    orders: mpsc::Receiver<Signal>,
}

/// The signals to reload, pause and resume.
#[cfg(unix)]
fn orders() -> SigSet {
    [Number::SIGHUP, Number::SIGUSR1, Number::SIGUSR2]
        .into_iter()
        .collect()
}

/// From now on a signal to reload, pause or resume does not end the process, and waits
/// until the proxy listens for it, or [`forget`] is called. To be called before
/// anything else, and before any other thread is there.
///
/// Handlers of two signals that have come would run in the opposite order. So they are
/// blocked, and one thread waits for all.
#[cfg(unix)]
pub(crate) fn expect() {
    // It fails for signals that cannot be blocked, and these can.
    let _ = orders().thread_block();
}

/// This is no proxy: the signals do what they do to any command, also those that have
/// come.
#[cfg(unix)]
pub(crate) fn forget() {
    let _ = orders().thread_unblock();
}

#[cfg(unix)]
impl Signals {
    pub(super) fn new() -> Outcome<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|error| failed(&error));
        let (to, orders) = mpsc::channel(WAITING);
        let thread = std::thread::Builder::new().name("signals".to_owned());
        thread
            .spawn(move || wait(&to))
            .map_err(|error| failed(&error))?;
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            orders,
        })
    }

    /// The next one. Cancel safe.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::End,
            _ = self.interrupt.recv() => Signal::End,
            Some(order) = self.orders.recv() => order,
        }
    }
}

/// More than these wait with the system, which keeps one of each.
#[cfg(unix)]
const WAITING: usize = 16;

/// Waits for signals to reload, pause and resume, until nobody wants them any more.
#[cfg(unix)]
fn wait(to: &mpsc::Sender<Signal>) {
    let orders = orders();
    while let Ok(signal) = orders.wait() {
        let order = match signal {
            Number::SIGHUP => Signal::Reload,
            Number::SIGUSR1 => Signal::Pause,
            _ => Signal::Resume,
        };
        if to.blocking_send(order).is_err() {
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

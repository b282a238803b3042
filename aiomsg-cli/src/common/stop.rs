//! Signals that ask the command to end.

#[cfg(unix)]
use nix::sys::signal::Signal;
#[cfg(unix)]
use tokio::sync::mpsc;

#[cfg(windows)]
use super::console::Console;
use super::failure::{Failure, Outcome};
#[cfg(any(unix, windows))]
use super::said::said;
#[cfg(unix)]
use super::signals;
use super::stopped::Stopped;

/// Hears SIGINT and SIGTERM, and on Windows the signals of a console.
#[derive(Debug)]
pub(crate) struct Stop {
    #[cfg(unix)]
    asked: mpsc::Receiver<Stopped>,
    #[cfg(windows)]
    console: Console,
}

impl Stop {
    /// From now on the signals are heard, also those that have come.
    pub(crate) fn new() -> Outcome<Self> {
        Self::hear(
            #[cfg(unix)]
            signals::hear(&[], &[], drop),
            #[cfg(windows)]
            Console::new(),
        )
    }

    /// The same, and SIGHUP asks for the end as well: the terminal has gone, or is to
    /// be as it was.
    #[cfg(feature = "top")]
    pub(crate) fn with_hangup() -> Outcome<Self> {
        Self::hear(
            #[cfg(unix)]
            signals::hear(&[Signal::SIGHUP], &[], drop),
            #[cfg(windows)]
            Console::new(),
        )
    }

    /// The same as the first, and these others are passed on.
    #[cfg(unix)]
    pub(crate) fn and(
        others: &[Signal],
        tell: impl FnMut(Signal) + Send + 'static,
    ) -> Outcome<Self> {
        Self::hear(signals::hear(&[], others, tell))
    }

    #[cfg(unix)]
    fn hear(asked: std::io::Result<mpsc::Receiver<Stopped>>) -> Outcome<Self> {
        match asked {
            Ok(asked) => Ok(Self { asked }),
            Err(error) => Err(unheard(&error)),
        }
    }

    #[cfg(windows)]
    fn hear(console: std::io::Result<Console>) -> Outcome<Self> {
        match console {
            Ok(console) => Ok(Self { console }),
            Err(error) => Err(unheard(&error)),
        }
    }

    #[cfg(not(any(unix, windows)))]
    fn hear() -> Outcome<Self> {
        Ok(Self {})
    }

    /// The next signal. Cancel safe.
    #[cfg(unix)]
    pub(crate) async fn asked(&mut self) -> Stopped {
        match self.asked.recv().await {
            Some(stopped) => stopped,
            None => std::future::pending().await,
        }
    }

    #[cfg(windows)]
    pub(crate) async fn asked(&mut self) -> Stopped {
        self.console.asked().await
    }

    #[cfg(not(any(unix, windows)))]
    pub(crate) async fn asked(&mut self) -> Stopped {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Stopped::INTERRUPTED,
            Err(_) => std::future::pending().await,
        }
    }

    /// Runs work that may be dropped, unless a signal comes first.
    pub(crate) async fn unless_asked<T>(
        &mut self,
        work: impl Future<Output = T>,
    ) -> Result<T, Stopped> {
        tokio::select! {
            biased;
            stopped = self.asked() => Err(stopped),
            done = work => Ok(done),
        }
    }

    /// The same, where the command has not begun yet, and has failed by being stopped.
    pub(crate) async fn unless_asked_before<T>(
        &mut self,
        what: &str,
        work: impl Future<Output = Outcome<T>>,
    ) -> Outcome<T> {
        match self.unless_asked(work).await {
            Ok(outcome) => outcome,
            Err(stopped) => Err(Failure::stopped(stopped, format!("stopped before {what}"))),
        }
    }
}

#[cfg(any(unix, windows))]
fn unheard(error: &std::io::Error) -> Failure {
    Failure::failed(format!("signals cannot be heard: {}", said(error)))
}

//! Signals that ask the command to end.

use std::io;

use super::failure::{Failure, Outcome};

/// Hears SIGINT and SIGTERM.
#[derive(Debug)]
pub(crate) struct Stop {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

/// The code that shells give a command that ended by this signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped(pub(crate) u8);

impl Stop {
    /// From now on the signals are heard, and do not end the process.
    pub(crate) fn new() -> Outcome<Self> {
        Self::listen().map_err(|error| Failure::failed(format!("signals cannot be heard: {error}")))
    }

    #[cfg(unix)]
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    #[cfg(not(unix))]
    fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// The next signal. Cancel safe.
    #[cfg(unix)]
    pub(crate) async fn asked(&mut self) -> Stopped {
        tokio::select! {
            _ = self.interrupt.recv() => Stopped(130),
            _ = self.terminate.recv() => Stopped(143),
        }
    }

    #[cfg(not(unix))]
    pub(crate) async fn asked(&mut self) -> Stopped {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Stopped(130),
            Err(_) => std::future::pending().await,
        }
    }
}

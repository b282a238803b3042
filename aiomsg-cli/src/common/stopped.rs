//! Which signal ended a command.

#[cfg(unix)]
use nix::sys::signal::Signal;

/// The code that shells give a command that ended by this signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped(pub(crate) u8);

#[cfg(unix)]
impl Stopped {
    pub(super) fn by(signal: Signal) -> Self {
        // The numbers that any system has for these: 1, 2 and 15.
        Self(match signal {
            Signal::SIGHUP => 129,
            Signal::SIGINT => 130,
            _ => 143,
        })
    }
}

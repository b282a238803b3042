//! Which signal ended a command.

#[cfg(unix)]
use nix::sys::signal::Signal;

/// The code that shells give a command that ended by this signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped(pub(crate) u8);

impl Stopped {
    /// By SIGINT, or by what comes closest elsewhere.
    pub(super) const INTERRUPTED: Self = Self(130);

    /// By SIGTERM, or by what comes closest elsewhere.
    #[cfg(any(unix, windows))]
    pub(super) const ENDED: Self = Self(143);

    #[cfg(unix)]
    pub(super) fn by(signal: Signal) -> Self {
        // The numbers that any system has for these: 1, 2 and 15.
        match signal {
            Signal::SIGHUP => Self(129),
            Signal::SIGINT => Self::INTERRUPTED,
            _ => Self::ENDED,
        }
    }
}

//! How a command ends when it does not succeed: one line that says what to do,
//! and a code that scripts can use.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use super::said::said;
use super::say::say;
use super::stopped::Stopped;

/// The outcome of a command.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It failed, or not all was done.
    Failed,
    /// The command line is wrong, or a file that it names.
    Usage,
    /// Nobody was there in time.
    Nobody,
    /// A signal ended it before it was done.
    Stopped(u8),
}

impl Failure {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// That something failed for this reason.
    pub(crate) fn because(error: &(dyn Error + 'static)) -> Self {
        Self::failed(said(error).to_string())
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub(crate) fn nobody(message: impl Into<String>) -> Self {
        Self::new(Kind::Nobody, message)
    }

    /// A signal ended it before it was done: the code is that of the shells.
    pub(crate) fn stopped(Stopped(code): Stopped, message: impl Into<String>) -> Self {
        Self::new(Kind::Stopped(code), message)
    }

    /// The same failure, followed by the work that was done.
    pub(crate) fn but(mut self, more: impl fmt::Display) -> Self {
        self.message = format!("{}; {more}", self.message);
        self
    }

    /// Whether a signal ended it.
    pub(crate) fn is_stop(&self) -> bool {
        matches!(self.kind, Kind::Stopped(_))
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            kind,
        }
    }

    /// Says so on standard error, in one line.
    pub(crate) fn report(&self) -> ExitCode {
        say(format_args!("error: {self}"));
        ExitCode::from(match self.kind {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Nobody => 3,
            Kind::Stopped(code) => code,
        })
    }
}

/// Always one line: some texts of other crates are several.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.message.lines();
        f.write_str(lines.next().unwrap_or_default())?;
        lines.try_for_each(|line| write!(f, "; {line}"))
    }
}

//! How a command ends when it does not succeed: one line that says what to do,
//! and a code that scripts can use.

use super::say::say;
use std::fmt;
use std::process::ExitCode;

use super::stop::Stopped;

/// What a command comes to.
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

    /// The same failure, and what was done all the same.
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

/// The library names the methods that would help, where the command has options.
const OPTIONS: [(&str, &str); 3] = [
    ("TlsConfig::builder().server_name(..)", "--server-name"),
    (
        "TlsConfig::builder().certificate_files(..)",
        "--cert and --key",
    ),
    ("TlsConfig::builder().trust_file(..)", "--trust"),
];

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = self.message.replace('\n', "; ");
        for (method, option) in OPTIONS {
            line = line.replace(method, option);
        }
        f.write_str(&line)
    }
}

/// What is wrong with settings is said as usage.
impl From<aiomsg::Error> for Failure {
    fn from(error: aiomsg::Error) -> Self {
        match error.is_config() {
            true => Self::usage(error.to_string()),
            false => Self::failed(error.to_string()),
        }
    }
}

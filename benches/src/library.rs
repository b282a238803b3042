//! What is compared: a library, in the roles of a workload.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::drive::Sizes;
use crate::parent::Parent;

/// A library that moves messages, in its ordinary configuration.
///
/// Each role runs in a process of its own until that is ended by its parent,
/// and a role that is not here is [not supported](Failure::Unsupported): the
/// workloads that need it are left out. The loops of the roles are in
/// [`drive`](crate::drive), so that they are the same for all.
pub trait Library: Sync {
    /// What it is called in the table and on the command line.
    fn name(&self) -> &'static str;

    /// Sends to whoever receives: one socket for each of [`Job::sockets`].
    ///
    /// # Errors
    ///
    /// When it is not supported, or fails.
    fn sender(&self, job: &Job, parent: &Parent) -> Outcome {
        unsupported(job, parent)
    }

    /// Receives from any number of senders.
    ///
    /// # Errors
    ///
    /// When it is not supported, or fails.
    fn receiver(&self, job: &Job, parent: &Parent) -> Outcome {
        unsupported(job, parent)
    }

    /// Sends, and waits for the same to come back.
    ///
    /// # Errors
    ///
    /// When it is not supported, or fails.
    fn ping(&self, job: &Job, parent: &Parent) -> Outcome {
        unsupported(job, parent)
    }

    /// Sends back what comes.
    ///
    /// # Errors
    ///
    /// When it is not supported, or fails.
    fn echo(&self, job: &Job, parent: &Parent) -> Outcome {
        unsupported(job, parent)
    }

    /// Sends requests, several of which are outstanding, and gets their answers.
    ///
    /// # Errors
    ///
    /// When it is not supported, or fails.
    fn client(&self, job: &Job, parent: &Parent) -> Outcome {
        unsupported(job, parent)
    }

    /// Answers each request with what it has.
    ///
    /// # Errors
    ///
    /// When it is not supported, or fails.
    fn server(&self, job: &Job, parent: &Parent) -> Outcome {
        unsupported(job, parent)
    }

    /// Sends each message to all subscribers.
    ///
    /// # Errors
    ///
    /// When it is not supported, or fails.
    fn publisher(&self, job: &Job, parent: &Parent) -> Outcome {
        unsupported(job, parent)
    }

    /// Receives all that is published, [`Job::peers`] times.
    ///
    /// # Errors
    ///
    /// When it is not supported, or fails.
    fn subscriber(&self, job: &Job, parent: &Parent) -> Outcome {
        unsupported(job, parent)
    }

    /// Hands messages from a sender to a receiver, who both connect to it.
    ///
    /// # Errors
    ///
    /// When it is not supported, or fails.
    fn proxy(&self, job: &Job, parent: &Parent) -> Outcome {
        unsupported(job, parent)
    }

    /// Very many receivers, each of which gets a share of the messages.
    ///
    /// # Errors
    ///
    /// When it is not supported, or fails.
    fn crowd(&self, job: &Job, parent: &Parent) -> Outcome {
        unsupported(job, parent)
    }
}

fn unsupported(_: &Job, _: &Parent) -> Outcome {
    Err(Failure::Unsupported)
}

/// How a role ends.
pub type Outcome = Result<(), Failure>;

/// What a role is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The size of a message, in bytes.
    pub size: usize,
    /// Messages have sizes up to this one, if it is greater.
    pub largest: usize,
    /// For how many seconds is sent.
    pub seconds: f64,
    /// Where to connect to. None: the role binds.
    pub address: Option<String>,
    /// How many peers a role that connects is, or one that binds has.
    pub peers: usize,
    /// Whether messages are acknowledged.
    pub at_least_once: bool,
    /// Whether all messages are for one of the peers, by its identity.
    pub addressed: bool,
    /// From how many tasks one socket sends.
    pub tasks: usize,
    /// How many requests wait for their answers at a time.
    pub outstanding: usize,
    /// When messages are sent. None: as fast as they are taken.
    pub pace: Option<Pace>,
    /// Connections are encrypted, with this certificate.
    pub tls: Option<Certificate>,
}

impl Job {
    /// The sizes of messages.
    pub fn sizes(&self) -> Sizes {
        Sizes::between(self.size, self.largest)
    }

    /// How many sockets the role has.
    pub fn sockets(&self) -> usize {
        match self.address {
            Some(_) => self.peers,
            None => 1,
        }
    }

    /// How many peers each of its sockets has.
    pub fn peers_each(&self) -> usize {
        match self.address {
            Some(_) => 1,
            None => self.peers,
        }
    }

    /// For libraries that have neither.
    ///
    /// # Errors
    ///
    /// When it is asked for TLS or acknowledgements.
    pub fn plain(&self) -> Outcome {
        match self.tls.is_some() || self.at_least_once {
            true => Err(Failure::Unsupported),
            false => Ok(()),
        }
    }
}

/// A rate at which messages are sent, by all sockets of a role together.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Pace {
    /// The time from some messages to the next, in nanoseconds.
    pub every_nanos: u64,
    /// How many these are.
    pub at_once: u64,
}

impl Pace {
    /// How many messages are due in a time.
    pub(crate) fn in_seconds(self, seconds: f64) -> u64 {
        ((seconds * 1e9) as u64).div_ceil(self.every_nanos) * self.at_once
    }
}

/// The files of a certificate that is its own authority, for "localhost".
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Certificate {
    /// The certificate, as PEM.
    pub certificate: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
}

/// What a process does in a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[expect(missing_docs, reason = "each is a method of `Library`")]
pub enum Role {
    Sender,
    Receiver,
    Ping,
    Echo,
    Client,
    Server,
    Publisher,
    Subscriber,
    Proxy,
    Crowd,
}

impl Role {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Receiver => "receiver",
            Self::Ping => "ping",
            Self::Echo => "echo",
            Self::Client => "client",
            Self::Server => "server",
            Self::Publisher => "publisher",
            Self::Subscriber => "subscriber",
            Self::Proxy => "proxy",
            Self::Crowd => "crowd",
        }
    }

    /// Whether messages end there, and so are counted there.
    pub(crate) fn counts(self) -> bool {
        matches!(
            self,
            Self::Receiver | Self::Ping | Self::Client | Self::Subscriber | Self::Crowd
        )
    }

    pub(crate) fn play(self, library: &dyn Library, job: &Job, parent: &Parent) -> Outcome {
        match self {
            Self::Sender => library.sender(job, parent),
            Self::Receiver => library.receiver(job, parent),
            Self::Ping => library.ping(job, parent),
            Self::Echo => library.echo(job, parent),
            Self::Client => library.client(job, parent),
            Self::Server => library.server(job, parent),
            Self::Publisher => library.publisher(job, parent),
            Self::Subscriber => library.subscriber(job, parent),
            Self::Proxy => library.proxy(job, parent),
            Self::Crowd => library.crowd(job, parent),
        }
    }
}

/// Why a role did not do what it should.
#[derive(Debug)]
pub enum Failure {
    /// The library has nothing of the kind.
    Unsupported,
    /// Something went wrong.
    Failed(Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// Something went wrong that has no error of its own.
    pub fn new(reason: impl Into<String>) -> Self {
        Self::Failed(reason.into().into())
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = match self {
            Self::Unsupported => return f.write_str("not supported"),
            Self::Failed(error) => error,
        };
        write!(f, "{error}")?;
        let mut source = error.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

//! The options of the command line.

use std::path::PathBuf;

use aiomsg::{Endpoint, Identity};
use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::limits::Limits;
use crate::common::identity;
use crate::common::socket::DialectArg;
use crate::common::text::Time;
use crate::http::address::{self, HttpAddress};

/// Takes messages from creators at its frontend, and hands them on to workers
/// at its backend.
///
/// Creators and workers both connect to the proxy, so neither needs to know
/// where the other is, and there may be any number of either.
///
/// SIGHUP reloads the file, SIGUSR1 pauses, SIGUSR2 resumes. SIGTERM and SIGINT
/// drain: what was taken is handed on, a report is printed, and the exit code is
/// 0 if nothing is left; a second one ends the proxy at once.
#[derive(Debug, Args)]
pub(crate) struct ProxyArgs {
    /// Reads settings from this TOML file; what is said on the command line wins.
    #[arg(long, short, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Checks the settings and the files that they name, and ends.
    #[arg(long)]
    pub(super) check_config: bool,
    #[command(flatten)]
    pub(super) relay: RelayArgs,
    #[command(flatten)]
    pub(super) frontend: FrontendArgs,
    #[command(flatten)]
    pub(super) backend: BackendArgs,
    #[command(flatten)]
    pub(super) observe: ObserveArgs,
    #[command(flatten)]
    pub(super) limits: Limits,
}

/// How messages are handed on.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Handing on")]
pub(crate) struct RelayArgs {
    /// Who gets a message [default: round-robin]
    #[arg(long, value_name = "MODE")]
    pub(super) mode: Option<ModeArg>,
    /// Takes replies of workers back to the creators. A message is then "id",
    /// a zero byte and the rest; a reply begins with the id and the zero byte of
    /// what it answers.
    #[arg(long)]
    pub(super) replies: bool,
    /// Which side loses nothing when a process dies. frontend: a message is
    /// acknowledged to its creator when a worker's queue has it; backend: it is
    /// sent again until a worker acknowledges it; both: it is acknowledged to its
    /// creator when a worker has acknowledged it, and so outlives this proxy.
    #[arg(long, value_name = "SIDE")]
    pub(super) at_least_once: Option<AtLeastOnceArg>,
    /// With --at-least-once both, how many messages are on their way at once
    /// [default: 1000]
    #[arg(long, value_name = "COUNT")]
    pub(super) in_flight: Option<usize>,
    /// How long draining may take [default: 10s]
    #[arg(long, value_name = "TIME")]
    pub(super) drain_deadline: Option<Time>,
}

/// Who gets a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ModeArg {
    /// One worker after the other.
    #[default]
    RoundRobin,
    /// Every worker that is connected.
    Publish,
}

/// Which sides lose nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AtLeastOnceArg {
    /// From the creators up to a worker's queue.
    Frontend,
    /// From this proxy on.
    Backend,
    /// From the creators up to the workers.
    Both,
}

/// The options of a side, with its name before each.
macro_rules! side {
    ($args:ident, $heading:literal, $side:literal, $bind_help:literal) => {
        #[derive(Debug, Clone, Default, Args)]
        #[command(next_help_heading = $heading)]
        pub(crate) struct $args {
            #[doc = $bind_help]
            #[arg(id = $side, long = $side, value_name = "ENDPOINT", value_parser = endpoint)]
            pub(super) bind: Vec<Endpoint>,
            /// Connects to this endpoint, again and again until it is there; may
            /// be repeated.
            #[arg(
                        id = concat!($side, "-connect"), long = concat!($side, "-connect"),
                        value_name = "ENDPOINT", value_parser = endpoint
                    )]
            pub(super) connect: Vec<Endpoint>,
            /// The identity that this side has for its peers: text, or hex:…
            /// [default: a random one]
            #[arg(
                        id = concat!($side, "-identity"), long = concat!($side, "-identity"),
                        value_name = "IDENTITY", value_parser = identity::parse
                    )]
            pub(super) identity: Option<Identity>,
            /// Which wire protocol to speak [default: any]
            #[arg(
                        id = concat!($side, "-dialect"), long = concat!($side, "-dialect"),
                        value_name = "DIALECT"
                    )]
            pub(super) dialect: Option<DialectArg>,
            /// The certificate for tls:// endpoints, a PEM file.
            #[arg(
                        id = concat!($side, "-cert"), long = concat!($side, "-cert"),
                        value_name = "FILE", requires = concat!($side, "-key")
                    )]
            pub(super) cert: Option<PathBuf>,
            /// The private key of the certificate, a PEM file.
            #[arg(
                        id = concat!($side, "-key"), long = concat!($side, "-key"),
                        value_name = "FILE", requires = concat!($side, "-cert")
                    )]
            pub(super) key: Option<PathBuf>,
            /// Trusts peers with these certificates, or with ones that they have
            /// issued; a PEM file, may be repeated. Peers that connect must then
            /// have one.
            #[arg(
                        id = concat!($side, "-trust"), long = concat!($side, "-trust"),
                        value_name = "FILE"
                    )]
            pub(super) trust: Vec<PathBuf>,
            /// The name that the certificate of a server must have, if not the
            /// host's.
            #[arg(
                        id = concat!($side, "-server-name"), long = concat!($side, "-server-name"),
                        value_name = "NAME"
                    )]
            pub(super) server_name: Option<String>,
        }
    };
}

side!(
    FrontendArgs,
    "Frontend, where creators connect",
    "frontend",
    "Listens for creators at this endpoint, such as tcp://0.0.0.0:25001; may be repeated."
);
side!(
    BackendArgs,
    "Backend, where workers connect",
    "backend",
    "Listens for workers at this endpoint, such as tcp://0.0.0.0:25002; may be repeated."
);

/// What is shown of the proxy, and where.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Observing")]
pub(crate) struct ObserveArgs {
    /// Serves /metrics for Prometheus, /healthz and /readyz at this address;
    /// without a host (9000 or :9000) it is the loopback one.
    #[arg(long, value_name = "ADDRESS", value_parser = address::parse)]
    pub(super) metrics: Option<HttpAddress>,
    /// Serves a page that shows the proxy live, and /api/status for "aiomsg top",
    /// at this address, which may be the same.
    #[arg(long, value_name = "ADDRESS", value_parser = address::parse)]
    pub(super) dashboard: Option<HttpAddress>,
    /// Lets whoever sees the page pause and resume the proxy.
    #[arg(long)]
    pub(super) allow_control: bool,
    /// Serves a loopback address under this name, too: that by which a reverse proxy
    /// in front of it is reached; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(super) allow_host: Vec<String>,
    /// How many workers must be connected for /readyz to say yes [default: 0]
    #[arg(long, value_name = "COUNT")]
    pub(super) ready_workers: Option<usize>,
}

pub(super) fn endpoint(text: &str) -> Result<Endpoint, String> {
    let endpoint: Endpoint = text
        .parse()
        .map_err(|error: aiomsg::core::endpoint::EndpointError| error.to_string())?;
    match endpoint {
        Endpoint::Mem { .. } => Err(format!(
            "\"{text}\" is within one process, and nobody else is in this one: use tcp://, tls:// or unix://"
        )),
        endpoint => Ok(endpoint),
    }
}

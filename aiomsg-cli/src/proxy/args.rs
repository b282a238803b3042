//! The options of the command line.

use std::collections::BTreeSet;
use std::path::PathBuf;

use aiomsg::{Endpoint, Identity};
use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::limits::Limits;
use super::spool::SpoolArgs;
use crate::common::identity;
use crate::common::peer_identities::PeerIdentity;
use crate::common::socket::DialectArg;
use crate::common::text::Time;
use crate::common::websocket;
use crate::http::address::{self, HttpAddress};

/// Forwards messages of producers at its frontend to consumers at its backend
///
/// Producers and consumers both connect to the proxy, so neither
/// needs to know the address of the other, and there may be any number of either.
///
/// SIGHUP reloads the file, SIGUSR1 pauses, SIGUSR2 resumes. SIGTERM and SIGINT
/// drain: the proxy forwards the messages that it has taken and prints a report,
/// and the exit code is 0 if none is left. A second one ends the proxy at once.
#[derive(Debug, Args)]
pub(crate) struct ProxyArgs {
    /// Reads settings from this TOML file; the command line overrides them.
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
    pub(super) spool: SpoolArgs,
    #[command(flatten)]
    pub(super) limits: Limits,
}

impl ProxyArgs {
    /// The keys of the settings that the command line makes.
    pub(super) fn given(&self) -> BTreeSet<String> {
        let (relay, observe) = (&self.relay, &self.observe);
        let others = [
            ("mode", relay.mode.is_some()),
            ("replies", relay.replies),
            ("at-least-once", relay.at_least_once.is_some()),
            ("in-flight", relay.in_flight.is_some()),
            ("drain-deadline", relay.drain_deadline.is_some()),
            ("observe.metrics", observe.metrics.is_some()),
            ("observe.dashboard", observe.dashboard.is_some()),
            ("observe.allow-control", observe.allow_control),
            ("observe.allow-host", !observe.allow_host.is_empty()),
            ("observe.ready-consumers", observe.ready_consumers.is_some()),
        ];
        let others = others.into_iter().filter(|(_, is_given)| *is_given);
        let limits = self.limits.set().into_iter();
        others
            .map(|(key, _)| key.to_owned())
            .chain(self.frontend.given())
            .chain(self.backend.given())
            .chain(self.spool.given())
            .chain(limits.map(|name| format!("limits.{name}")))
            .collect()
    }
}

/// The forwarding of messages.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Forwarding")]
pub(crate) struct RelayArgs {
    /// The distribution of messages [default: round-robin]
    #[arg(long, value_name = "MODE")]
    pub(super) mode: Option<ModeArg>,
    /// Sends replies of consumers back to producers. A message is then "id", a zero
    /// byte and the rest; a reply begins with the id and zero byte of its request.
    #[arg(long)]
    pub(super) replies: bool,
    /// The side that loses nothing when a process dies. frontend: acknowledges a
    /// message to its producer when a consumer's queue has it; backend: sends it again
    /// until a consumer acknowledges it; both: acknowledges it to its producer when a
    /// consumer has acknowledged it, so it survives this proxy.
    #[arg(long, value_name = "SIDE")]
    pub(super) at_least_once: Option<AtLeastOnceArg>,
    /// With --at-least-once both: the number of messages under way at once
    /// [default: 1000]
    #[arg(long, value_name = "COUNT")]
    pub(super) in_flight: Option<usize>,
    /// The deadline of the drain [default: 10s]
    #[arg(long, value_name = "TIME")]
    pub(super) drain_deadline: Option<Time>,
}

/// The distribution of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ModeArg {
    /// To each consumer in turn.
    #[default]
    RoundRobin,
    /// To every connected consumer.
    Publish,
}

/// The sides that lose nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AtLeastOnceArg {
    /// From the producers to a consumer's queue.
    Frontend,
    /// From this proxy to the consumers.
    Backend,
    /// From the producers to the consumers.
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
            /// Connects to this endpoint, and tries until it succeeds; may be
            /// repeated.
            #[arg(
                        id = concat!($side, "-connect"), long = concat!($side, "-connect"),
                        value_name = "ENDPOINT", value_parser = endpoint
                    )]
            pub(super) connect: Vec<Endpoint>,
            /// Connects to every address of this name, such as tcp://consumers:25000, and
            /// follows them as they come and go; may be repeated.
            #[arg(
                        id = concat!($side, "-connect-all"), long = concat!($side, "-connect-all"),
                        value_name = "ENDPOINT", value_parser = endpoint
                    )]
            pub(super) connect_all: Vec<Endpoint>,
            /// The identity of this side, which its peers see: text, or hex:…
            /// [default: a random one]
            #[arg(
                        id = concat!($side, "-identity"), long = concat!($side, "-identity"),
                        value_name = "IDENTITY", value_parser = identity::parse
                    )]
            pub(super) identity: Option<Identity>,
            /// The wire protocol [default: any]
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
            /// Trusts these certificates, and those that they have issued; a PEM
            /// file, may be repeated. Peers that connect must then present one.
            #[arg(
                        id = concat!($side, "-trust"), long = concat!($side, "-trust"),
                        value_name = "FILE"
                    )]
            pub(super) trust: Vec<PathBuf>,
            /// The name in a server's certificate, if it is not the host's.
            #[arg(
                        id = concat!($side, "-server-name"), long = concat!($side, "-server-name"),
                        value_name = "NAME"
                    )]
            pub(super) server_name: Option<String>,
            /// Trusts exactly these certificates, and none that they have issued,
            /// whatever their names and dates; a PEM file, may be repeated. Peers
            /// that connect must then present one.
            #[arg(
                        id = concat!($side, "-pin"), long = concat!($side, "-pin"),
                        value_name = "FILE"
                    )]
            pub(super) pin: Vec<PathBuf>,
            /// Trusts the system's authorities, for connecting only.
            #[arg(id = concat!($side, "-system-roots"), long = concat!($side, "-system-roots"))]
            pub(super) system_roots: bool,
            /// Lets the peer with the certificate of this SHA-256 fingerprint have
            /// this identity (text, or hex:…), and refuses peers that are not listed;
            /// may be repeated.
            #[arg(
                        id = concat!($side, "-peer-identity"),
                        long = concat!($side, "-peer-identity"),
                        value_name = "FINGERPRINT=IDENTITY"
                    )]
            pub(super) peer_identity: Vec<PeerIdentity>,
            /// Lets a peer have an identity only if it is one of the names in its
            /// certificate, and refuses others.
            #[arg(
                        id = concat!($side, "-peer-identity-by-name"),
                        long = concat!($side, "-peer-identity-by-name")
                    )]
            pub(super) peer_identity_by_name: bool,
            /// Accepts browsers and others by WebSocket, too, at every tcp:// and
            /// tls:// endpoint of this side. Pages must come from the same host.
            #[arg(id = concat!($side, "-websocket"), long = concat!($side, "-websocket"))]
            pub(super) websocket: bool,
            /// Accepts pages of this origin, too, such as https://example.org, or of
            /// every site: *; may be repeated.
            #[arg(
                        id = concat!($side, "-websocket-origin"),
                        long = concat!($side, "-websocket-origin"),
                        value_name = "ORIGIN"
                    )]
            pub(super) websocket_origin: Vec<String>,
            /// Accepts this path only by WebSocket, such as /jobs [default: any]
            #[arg(
                        id = concat!($side, "-websocket-path"),
                        long = concat!($side, "-websocket-path"), value_name = "PATH"
                    )]
            pub(super) websocket_path: Option<String>,
            /// Adds a header to the requests for ws:// and wss:// endpoints, such as
            /// "Authorization: Bearer TOKEN"; may be repeated.
            #[arg(
                        id = concat!($side, "-websocket-header"),
                        long = concat!($side, "-websocket-header"),
                        value_name = "HEADER", value_parser = websocket::header
                    )]
            pub(super) websocket_header: Vec<(String, String)>,
        }

        impl $args {
            /// The keys of the settings that are made.
            fn given(&self) -> impl Iterator<Item = String> {
                let given = [
                    ("bind", !self.bind.is_empty()),
                    ("connect", !self.connect.is_empty()),
                    ("identity", self.identity.is_some()),
                    ("dialect", self.dialect.is_some()),
                    ("tls.cert", self.cert.is_some()),
                    ("tls.key", self.key.is_some()),
                    ("tls.trust", !self.trust.is_empty()),
                    ("tls.pin", !self.pin.is_empty()),
                    ("tls.system-roots", self.system_roots),
                    ("tls.server-name", self.server_name.is_some()),
                    ("peer-identity", !self.peer_identity.is_empty()),
                    ("peer-identity-by-name", self.peer_identity_by_name),
                    ("websocket", self.websocket),
                    ("websocket-origin", !self.websocket_origin.is_empty()),
                    ("websocket-path", self.websocket_path.is_some()),
                    ("websocket-header", !self.websocket_header.is_empty()),
                ];
                let given = given.into_iter().filter(|(_, is_given)| *is_given);
                given.map(|(key, _)| format!(concat!($side, ".{}"), key))
            }
        }
    };
}

side!(
    FrontendArgs,
    "Frontend, where producers connect",
    "frontend",
    "Listens for producers at this endpoint, such as tcp://0.0.0.0:25001; may be repeated."
);
side!(
    BackendArgs,
    "Backend, where consumers connect",
    "backend",
    "Listens for consumers at this endpoint, such as tcp://0.0.0.0:25002; may be repeated."
);

/// Metrics and dashboard.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Observing")]
pub(crate) struct ObserveArgs {
    /// Serves /metrics for Prometheus, /healthz and /readyz at this address;
    /// without a host (9000 or :9000) it is loopback.
    #[arg(long, value_name = "ADDRESS", value_parser = address::parse)]
    pub(super) metrics: Option<HttpAddress>,
    /// Serves a dashboard, and /api/status for "aiomsg top", at this address, which
    /// may be the same.
    #[arg(long, value_name = "ADDRESS", value_parser = address::parse)]
    pub(super) dashboard: Option<HttpAddress>,
    /// Lets the dashboard pause and resume the proxy.
    #[arg(long)]
    pub(super) allow_control: bool,
    /// Accepts this host name at a loopback address: that of a reverse proxy in
    /// front of it; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(super) allow_host: Vec<String>,
    /// The number of connected consumers that /readyz requires [default: 0]
    #[arg(long, value_name = "COUNT")]
    pub(super) ready_consumers: Option<usize>,
}

pub(super) fn endpoint(text: &str) -> Result<Endpoint, String> {
    let endpoint: Endpoint = text
        .parse()
        .map_err(|error: aiomsg::parts::vocabulary::endpoint::EndpointError| error.to_string())?;
    match endpoint {
        Endpoint::Mem { .. } => Err(format!(
            "\"{text}\" is within one process, and nobody else is in this one: use tcp://, tls:// or unix://"
        )),
        endpoint => Ok(endpoint),
    }
}

//! A socket by the options of the command line.

use super::say::say;
use aiomsg::builder::Dialect;
use aiomsg::{Endpoint, Identity, Socket, SocketBuilder};
use clap::{ArgGroup, Args, ValueEnum};

use super::advice;
use super::connect_all;
use super::failure::{Failure, Outcome};
use super::identity;
use super::naming::Naming;
use super::peer_identities::PeerIdentities;
use super::text::Mode;
use super::tls::TlsFiles;
use super::websocket::{WebSocketArgs, WebSocketHeaders};

/// Endpoints and identity of a socket.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Socket",
    group = ArgGroup::new("endpoints").required(true).multiple(true)
)]
pub(crate) struct SocketArgs {
    /// Listens at this endpoint, such as tcp://127.0.0.1:25000; may be repeated.
    #[arg(long, short, value_name = "ENDPOINT", group = "endpoints")]
    pub(crate) bind: Vec<Endpoint>,
    /// Connects to this endpoint, and tries until it succeeds; may be repeated.
    #[arg(long, short, value_name = "ENDPOINT", group = "endpoints")]
    pub(crate) connect: Vec<Endpoint>,
    /// Connects to every address of this name, such as tcp://consumers:25000, and follows
    /// them as they come and go; may be repeated. SRV records of a service:
    /// tcp://_jobs._tcp.example.com:0.
    #[arg(long, value_name = "ENDPOINT", group = "endpoints")]
    pub(crate) connect_all: Vec<Endpoint>,
    /// The socket's own identity: text, or hex:… [default: a random one]
    #[arg(long, value_name = "IDENTITY", value_parser = identity::parse)]
    pub(crate) identity: Option<Identity>,
    /// The wire protocol.
    #[arg(long, value_name = "DIALECT", default_value = "any")]
    pub(crate) dialect: DialectArg,
    /// The mode of the file of a listening Unix socket, such as 0660: who may
    /// connect [default: set by the umask]
    #[arg(long, value_name = "MODE", requires = "bind")]
    pub(crate) unix_mode: Option<Mode>,
    #[command(flatten)]
    pub(crate) tls: TlsFiles,
    #[command(flatten)]
    pub(crate) peers: PeerIdentities,
    #[command(flatten)]
    pub(crate) websocket: WebSocketArgs,
    #[command(flatten)]
    pub(crate) websocket_headers: WebSocketHeaders,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DialectArg {
    /// The dialect of the peer.
    Any,
    /// Only the dialect of aiomsg 2026.7.1.
    V1,
    /// Only the dialect of aiomsg 2019.12.1.
    #[value(name = "2019")]
    V2019,
}

impl DialectArg {
    pub(crate) fn dialects(self) -> aiomsg::builder::Dialects {
        match self {
            Self::Any => aiomsg::builder::Dialects::default(),
            Self::V1 => aiomsg::builder::Dialects::Only(Dialect::V1),
            Self::V2019 => aiomsg::builder::Dialects::Only(Dialect::V2019),
        }
    }

    /// Whether an identity can be had: any but those of 16 bytes are for the dialect
    /// of 2019 only.
    pub(crate) fn allows(self, identity: &Identity) -> bool {
        identity.len() == 16 || self == Self::V2019
    }

    /// Refuses an identity that the dialect has no room for.
    fn check(self, identity: Option<&Identity>) -> Outcome {
        match identity {
            Some(identity) if !self.allows(identity) => Err(Failure::usage(format!(
                "--identity: this one has {} bytes, and only --dialect 2019 has others than \
                 16: give 16 characters, or hex: and 32 digits",
                identity.len()
            ))),
            _ => Ok(()),
        }
    }
}

impl SocketArgs {
    /// A builder with these options; the command adds its own.
    pub(crate) async fn builder(&self) -> Outcome<SocketBuilder> {
        for (endpoints, binds) in [(&self.bind, true), (&self.connect, false)] {
            for endpoint in endpoints {
                if let Endpoint::Mem { .. } = endpoint {
                    return Err(Failure::usage(format!(
                        "{endpoint}: mem:// is inside of one process; use unix:// on this machine"
                    )));
                }
                if !binds && endpoint.port() == Some(0) {
                    return Err(Failure::usage(format!(
                        "{endpoint}: nobody listens at port 0"
                    )));
                }
                self.tls.check(endpoint, binds)?;
                self.peers
                    .check(endpoint, binds, &self.tls, Naming::Flags)
                    .map_err(Failure::usage)?;
            }
        }
        for endpoint in &self.connect_all {
            connect_all::check(endpoint).map_err(Failure::usage)?;
            self.tls.check(endpoint, false)?;
        }
        let endpoints = [&self.bind, &self.connect, &self.connect_all];
        self.tls.check_used(endpoints.into_iter().flatten())?;
        self.dialect.check(self.identity.as_ref())?;
        let mut builder = Socket::builder().dialects(self.dialect.dialects());
        if let Some(identity) = &self.identity {
            builder = builder.identity(identity.clone());
        }
        if let Some(Mode(mode)) = self.unix_mode {
            builder = builder.unix_mode(mode);
        }
        if let Some(tls) = self.tls.read().await? {
            builder = builder.tls(tls);
        }
        self.websocket
            .check()
            .map_err(|(setting, what)| Failure::usage(format!("--{setting}: {what}")))?;
        let builder = self.websocket.apply(builder);
        let builder = self.websocket_headers.apply(builder);
        Ok(self.peers.apply(builder))
    }

    /// Whether nothing but connecting was asked for: then somebody should be there.
    pub(crate) fn only_connects(&self) -> bool {
        self.bind.is_empty()
    }

    /// Binds and connects, and says on standard error where it listens.
    pub(crate) async fn start<S>(&self, socket: &Socket<S>) -> Outcome<Vec<Endpoint>> {
        let listening = self.open(socket).await?;
        for endpoint in &listening {
            say(format_args!("listening at {endpoint}"));
        }
        Ok(listening)
    }

    /// Binds and connects, and returns the endpoints that it listens at.
    pub(crate) async fn open<S>(&self, socket: &Socket<S>) -> Outcome<Vec<Endpoint>> {
        let mut listening = Vec::new();
        for endpoint in &self.bind {
            let bound = socket.bind(endpoint.clone()).await;
            listening.push(bound.map_err(|error| advice::with_advice(&error))?);
        }
        for endpoint in &self.connect {
            socket.connect(endpoint.clone())?;
        }
        for endpoint in &self.connect_all {
            socket.connect_all(endpoint.clone())?;
        }
        Ok(listening)
    }
}

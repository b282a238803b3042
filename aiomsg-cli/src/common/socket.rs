//! A socket by the options of the command line.

use aiomsg::{Dialect, Endpoint, Identity, Socket, SocketBuilder};
use clap::{Args, ValueEnum};

use super::failure::Outcome;
use super::identity;
use super::tls::TlsArgs;

/// Where a socket binds and connects, and who it is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Socket")]
pub(crate) struct SocketArgs {
    /// Listens at this endpoint, such as tcp://127.0.0.1:25000; may be repeated.
    #[arg(
        long,
        short,
        value_name = "ENDPOINT",
        required_unless_present = "connect"
    )]
    pub(crate) bind: Vec<Endpoint>,
    /// Connects to this endpoint, again and again until it is there; may be
    /// repeated.
    #[arg(long, short, value_name = "ENDPOINT")]
    pub(crate) connect: Vec<Endpoint>,
    /// The socket's own identity: text, or hex:… [default: a random one]
    #[arg(long, value_name = "IDENTITY", value_parser = identity::parse)]
    pub(crate) identity: Option<Identity>,
    /// Which wire protocol to speak.
    #[arg(long, value_name = "DIALECT", default_value = "any")]
    pub(crate) dialect: DialectArg,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DialectArg {
    /// That of the peer.
    Any,
    /// Only that of aiomsg 2026.7.1.
    V1,
    /// Only that of aiomsg 2019.12.1.
    #[value(name = "2019")]
    V2019,
}

impl DialectArg {
    pub(crate) fn dialects(self) -> aiomsg::Dialects {
        match self {
            Self::Any => aiomsg::Dialects::default(),
            Self::V1 => aiomsg::Dialects::Only(Dialect::V1),
            Self::V2019 => aiomsg::Dialects::Only(Dialect::V2019),
        }
    }
}

impl SocketArgs {
    /// A builder with what was said; the command adds what it is about.
    pub(crate) fn builder(&self) -> Outcome<SocketBuilder> {
        let mut builder = Socket::builder().dialects(self.dialect.dialects());
        if let Some(identity) = &self.identity {
            builder = builder.identity(identity.clone());
        }
        if let Some(tls) = self.tls.config()? {
            builder = builder.tls(tls);
        }
        Ok(builder)
    }

    /// Binds and connects, and names what it listens at.
    pub(crate) async fn open<S>(&self, socket: &Socket<S>) -> Outcome<Vec<Endpoint>> {
        let mut listening = Vec::new();
        for endpoint in &self.bind {
            listening.push(socket.bind(endpoint.clone()).await?);
        }
        for endpoint in &self.connect {
            socket.connect(endpoint.clone())?;
        }
        Ok(listening)
    }
}

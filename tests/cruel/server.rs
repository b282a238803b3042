//! Echo servers that can be killed.

use std::path::Path;
use std::time::Duration;

use aiomsg::TlsConfig;
use tempfile::TempDir;

use crate::our_server::OurServer;
use crate::support::python::{Peer, Tls, Version, certificate};

pub(crate) type Identity = [u8; 16];

/// Who a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    Python(Version),
}

/// A server in a process of its own.
pub(crate) enum Server {
    Ours(OurServer),
    Python(Box<Peer>),
}

/// Certificates of both ends as the cookbook makes them, each of which trusts
/// exactly the other's.
pub(crate) struct Certificates(TempDir);

impl Server {
    /// Starts a server, and returns when it listens.
    pub(crate) async fn start(
        kind: Kind,
        address: &str,
        identity: Identity,
        tls: Option<&Certificates>,
    ) -> Self {
        match kind {
            Kind::Ours => Self::Ours(OurServer::start(address, identity, tls).await),
            Kind::Python(version) => {
                let mut builder = Peer::builder(version).bind(address).identity(identity);
                if let Some(tls) = tls {
                    builder = builder.tls(tls.python("server", "client"));
                }
                let peer = builder.start().await;
                peer.echo().await;
                Self::Python(Box::new(peer))
            }
        }
    }

    /// Kills it, and returns when it is dead.
    pub(crate) async fn kill(self) {
        match self {
            Self::Ours(server) => server.kill().await,
            Self::Python(mut peer) => peer.kill().await,
        }
    }

    /// Looks at what it printed, which would fill our memory otherwise.
    pub(crate) async fn read_along(&self) {
        if let Self::Python(peer) = self {
            while peer.try_recv_for(Duration::ZERO).await.is_some() {}
        }
    }
}

/// The name of the server number `n`, if it is not that of the one before.
pub(crate) fn name(n: usize) -> Identity {
    format!("server {n:09}").into_bytes().try_into().unwrap()
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        certificate(folder.path(), "server");
        certificate(folder.path(), "client");
        Self(folder)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// The settings of a socket of ours.
    pub(crate) fn ours(&self, own: &str, trusted: &str) -> TlsConfig {
        let file = |name: &str, kind| self.folder().join(name).with_extension(kind);
        TlsConfig::builder()
            .certificate_files(file(own, "cert"), file(own, "key"))
            .trust_file(file(trusted, "cert"))
            .build()
            .unwrap()
    }

    /// The settings of a Python peer.
    pub(crate) fn python(&self, own: &str, trusted: &str) -> Tls {
        let file = |name: &str, kind| self.folder().join(name).with_extension(kind);
        Tls::new(file(own, "cert"), file(own, "key"), file(trusted, "cert"))
    }
}

//! Connected peers.

use aiomsg_core::{Certificate, Dialect, Endpoint, Identity};
use aiomsg_transport::{RemoteAddr, TlsInfo};

use super::dial::DialId;

/// A peer and its connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PeerInfo {
    /// The identity that the peer has chosen.
    pub identity: Identity,
    /// The endpoint that we listen at, or that we dialled.
    pub endpoint: Endpoint,
    /// The address of the peer.
    pub remote: RemoteAddr,
    /// The dialect of the connection.
    pub dialect: Dialect,
    /// What TLS has found out about the peer, on a TLS connection.
    pub tls: Option<TlsInfo>,
    /// Whether this end dialled.
    pub dialled: bool,
}

impl PeerInfo {
    /// Returns the certificate that the peer has presented: `None` without TLS, and if
    /// this end demands none.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.tls.as_ref()?.peer_certificate.as_ref()
    }
}

/// A peer in the table of peers.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) peer: PeerInfo,
    /// The dial that the connection is of, if this end dialled.
    pub(crate) dial: Option<DialId>,
}

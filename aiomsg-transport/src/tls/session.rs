//! The TLS handshake over a TCP stream, in both roles.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use aiomsg_core::Error;
use aiomsg_core::link::Wire;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::asked::{Asked, noted};
use super::certificate;
use super::config::TlsConfig;
use super::counted::Counted;
use super::error::{begins_plain, handshake_failed, refuses_certificate};
use super::unanswered::{MayBe, Unanswered};
use crate::handshake::left;
use crate::io::TlsInfo;

/// The first byte of a TLS connection: a record of the handshake.
const HANDSHAKE_RECORD: u8 = 22;

/// The time, and the number of bytes, to read from a refused peer.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: u64 = 64 * 1024;

/// The connecting end, towards one server.
pub(crate) struct Client {
    connector: TlsConnector,
    /// The assumption about a server without a note: rustls configurations make none.
    unless_noted: Asked,
    name: ServerName<'static>,
}

/// The stream of the connecting end.
type Secured = Unanswered<client::TlsStream<Counted<TcpStream>>>;

/// The binding end.
#[derive(Clone)]
pub(crate) struct Server {
    config: TlsConfig,
}

impl Client {
    pub(super) fn new(config: Arc<ClientConfig>, name: ServerName<'static>, notes: bool) -> Self {
        let unless_noted = match notes || config.client_auth_cert_resolver.has_certs() {
            true => Asked::No,
            false => Asked::InVain,
        };
        Self {
            unless_noted,
            connector: config.into(),
            name,
        }
    }

    pub(crate) async fn connect(
        self,
        stream: TcpStream,
    ) -> Result<(Secured, TlsInfo, Wire), Error> {
        let stream = Counted::new(stream);
        let connect = self.connector.connect(self.name, stream).into_fallible();
        let (connected, asked) = noted(connect).await;
        match connected {
            Ok(stream) => {
                let (counted, session) = stream.get_ref();
                let info = info(session.peer_certificates());
                let wire = counted.wire();
                let asked = match asked {
                    Asked::No => self.unless_noted,
                    asked => asked,
                };
                Ok((Unanswered::new(stream, asked), info, wire))
            }
            Err((error, stream)) => {
                let error = MayBe::explain(error, asked);
                Err(refuse(error, stream.into_inner()).await)
            }
        }
    }
}

impl Server {
    pub(super) fn new(config: TlsConfig) -> Self {
        Self { config }
    }

    pub(crate) async fn accept(
        self,
        stream: TcpStream,
    ) -> Result<(server::TlsStream<Counted<TcpStream>>, TlsInfo, Wire), Error> {
        // A peer without TLS may send less than a TLS record's header and then
        // wait for us, while rustls waits for more. The first byte tells.
        let mut first = [0];
        let peeked = stream.peek(&mut first).await.map_err(handshake_failed)?;
        match (peeked, first[0]) {
            (0, _) => return Err(left(0)),
            (_, HANDSHAKE_RECORD) => {}
            _ => return Err(begins_plain()),
        }
        // The current settings: they may have been reloaded.
        let acceptor = TlsAcceptor::from(self.config.server_config()?);
        let stream = Counted::new(stream);
        match acceptor.accept(stream).into_fallible().await {
            Ok(stream) => {
                let (counted, session) = stream.get_ref();
                let info = info(session.peer_certificates());
                let wire = counted.wire();
                Ok((stream, info, wire))
            }
            Err((error, stream)) => Err(refuse(error, stream.into_inner()).await),
        }
    }
}

fn info(certificates: Option<&[CertificateDer<'_>]>) -> TlsInfo {
    let presented = certificates.and_then(<[_]>::first);
    TlsInfo::new(presented.map(|der| certificate::read(der)))
}

/// Closes a failed connection such that a peer with a refused certificate gets the alert.
///
/// rustls has written the alert by now. But closing a connection with unread bytes, such as
/// those that a peer sent right behind its part of the handshake, resets it, and the reset
/// can overtake the alert.
async fn refuse(error: io::Error, mut stream: TcpStream) -> Error {
    if refuses_certificate(&error) {
        let linger = async {
            stream.shutdown().await?;
            tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut tokio::io::sink()).await
        };
        // The peer is gone, or does not close: nothing more can be done.
        let _ = timeout(LINGER, linger).await;
    }
    handshake_failed(error)
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

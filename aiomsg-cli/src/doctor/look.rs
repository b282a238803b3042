//! Connections that end before the handshake is complete.

use std::time::Duration;

use aiomsg::builder::Dialect;
use aiomsg::layer::{Io, IoInfo};
use aiomsg::parts::transport::Connector;
use aiomsg::parts::transport::codec::hello;
use aiomsg::parts::transport::codec::hello::Opening;
use aiomsg::{Endpoint, Error, ErrorKind, Identity, TlsConfig};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tower::{Service, ServiceExt};

/// The beginning of every handshake: it leaves the choice of the dialect.
pub(super) const PROBE: &[u8] = &hello::PROBE;

/// A handshake in dialect v1, as far as its version.
pub(super) const V1: &[u8] = &[0, 0, 0, 18, 1, 1];

/// A handshake in the 2019 dialect, as far as the length of an identity of 16
/// bytes.
pub(super) const V2019: &[u8] = &[0, 0, 0, 16];

/// A request to speak WebSocket, with the key of RFC 6455.
const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: doctor\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// The most bytes that are examined.
const ENOUGH: usize = 1024;

/// Where to look, and how long.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) endpoint: Endpoint,
    pub(super) tls: Option<TlsConfig>,
    pub(super) patience: Duration,
}

/// The answer to some first bytes.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) info: IoInfo,
    /// How long it took to connect, with TLS.
    pub(super) connected: Duration,
    pub(super) answer: Answer,
}

/// The answer of the other end.
#[derive(Debug)]
pub(super) enum Answer {
    /// The handshake of an aiomsg socket.
    Aiomsg {
        dialect: Dialect,
        identity: Identity,
    },
    /// Something else.
    Other { said: BytesMut, error: Error },
    /// Nothing, or no more than this, in time.
    Silent { said: BytesMut },
    /// The end of the connection, or an error.
    Ended { error: Error },
}

impl Look {
    pub(super) fn new(endpoint: Endpoint, tls: Option<TlsConfig>, patience: Duration) -> Self {
        Self {
            endpoint,
            tls,
            patience,
        }
    }

    pub(super) async fn connect(&self) -> Result<Io, Error> {
        let mut connector = Connector::new();
        if let Some(tls) = &self.tls {
            connector = connector.tls(tls.clone());
        }
        let connected = async {
            let connector = connector.ready().await?;
            connector.call(self.endpoint.clone()).await
        };
        let connected = timeout(self.patience, connected).await;
        connected.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout)
                .with_reason(format!("no connection within {:?}", self.patience))
                .at(self.endpoint.clone()))
        })
    }

    /// Says something on a new connection, and reads until it is known what the
    /// other end is.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub(super) async fn ask(&self, opening: &[u8]) -> Result<Asked, Error> {
        let started = Instant::now();
        let mut io = self.connect().await?;
        let (connected, info) = (started.elapsed(), io.info().clone());
        let mut said = BytesMut::with_capacity(ENOUGH);
        let answered = timeout(self.patience, answer(&mut io, opening, &mut said)).await;
        let answer = answered.unwrap_or(Answer::Silent { said });
        // In good order, so that the other end sees no fault.
        let _ = timeout(self.patience, io.shutdown()).await;
        Ok(Asked {
            info,
            connected,
            answer,
        })
    }
}

impl Look {
    /// Whether peers that connect by WebSocket are accepted, too. A listener that accepts them
    /// answers a request, and any other ends the connection.
    pub(super) async fn speaks_websocket(&self) -> bool {
        match self.endpoint {
            Endpoint::Ws { .. } | Endpoint::Wss { .. } => return true,
            Endpoint::Tcp { .. } | Endpoint::Tls { .. } => {}
            _ => return false,
        }
        match self.ask(UPGRADE).await.map(|it| it.answer) {
            // A refusal speaks HTTP, too.
            Ok(Answer::Other { said, .. }) => {
                said.starts_with(b"HTTP/1.1 101") || said.starts_with(b"HTTP/1.1 4")
            }
            _ => false,
        }
    }
}

async fn answer(io: &mut Io, opening: &[u8], said: &mut BytesMut) -> Answer {
    let wrote = async {
        io.write_all(opening).await?;
        io.flush().await
    };
    if let Err(error) = wrote.await {
        return Answer::Ended {
            error: aiomsg::parts::transport::io::explain(error),
        };
    }
    loop {
        match identify(said) {
            Ok(Some((dialect, identity))) => return Answer::Aiomsg { dialect, identity },
            Ok(None) => {}
            Err(error) => {
                // A few more bytes identify it better.
                let more = read_all(io, said);
                let _ = timeout(Duration::from_millis(200), more).await;
                return Answer::Other {
                    said: said.split(),
                    error,
                };
            }
        }
        match io.read_buf(said).await {
            Ok(0) => {
                let reason = match said.len() {
                    0 => "the other end closed the connection without a word".to_owned(),
                    some => format!("the other end closed the connection after {some} bytes"),
                };
                let error = Error::new(ErrorKind::Disconnected).with_reason(reason);
                return Answer::Ended { error };
            }
            Ok(_) => {}
            Err(error) => {
                return Answer::Ended {
                    error: aiomsg::parts::transport::io::explain(error),
                };
            }
        }
    }
}

fn identify(said: &[u8]) -> Result<Option<(Dialect, Identity)>, Error> {
    let Opening::Speaks(dialect) = hello::detect(said)? else {
        return Ok(None);
    };
    let identity = hello::decode(dialect, &mut BytesMut::from(said))?;
    Ok(identity.map(|identity| (dialect, identity)))
}

/// Reads until the end, or until it is enough.
async fn read_all(io: &mut Io, said: &mut BytesMut) {
    while said.len() < ENOUGH {
        match io.read_buf(said).await {
            Ok(1..) => {}
            _ => return,
        }
    }
}

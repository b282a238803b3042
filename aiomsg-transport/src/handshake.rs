//! The first bytes in each direction: who is there, and in which dialect.
//!
//! ```text
//!  accepting                                    connecting
//!  ── reads first ──────────────────────────    ── sends 00 00 00 ───────────────────────
//!  the peer's dialect: answers in it            the peer's dialect: completes in it
//!  just 00 00 00:      speaks the preferred     silence for `patience`: the preferred one
//!  silence:            the same, in `patience`
//!  ── with one dialect fixed, either end says all it has to say at once ────────────────
//! ```
//!
//! Whoever decides [half-way](HalfWay) about a connection is to say who it is last,
//! so with a fixed dialect it reads first, too, and sends the part of its handshake
//! that comes before its identity instead of `00 00 00`.
//!
//! The rules are those of `docs/protocol.md`, "Telling them apart". Nothing
//! here limits the time that a handshake takes in all: whoever calls does, with
//! one deadline over TLS and handshake together.

use std::time::Duration;

use aiomsg_core::{Dialect, Error, ErrorKind, Identity};
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::codec::hello::{self, Opening};
use crate::io::explain;

/// How long a peer may be silent before it is spoken to in the preferred
/// dialect: one second. Over a connection whose round trip takes longer than
/// this, a connecting socket should be told the dialect.
pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(1);

/// How far apart the pieces of a handshake may come that were sent at once.
const APART: Duration = Duration::from_millis(20);

/// Room for a handshake and a little of what may follow it.
const BUFFER: usize = 2 * hello::MAX_LEN;

/// Which dialects a socket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialects {
    /// Both: the one that the peer speaks, and this one with a peer that
    /// waits for us to begin.
    Prefer(Dialect),
    /// This one only. A peer that speaks the other is refused.
    Only(Dialect),
}

impl Default for Dialects {
    fn default() -> Self {
        Self::Prefer(Dialect::V1)
    }
}

impl Dialects {
    fn first_choice(self) -> Dialect {
        match self {
            Self::Prefer(dialect) | Self::Only(dialect) => dialect,
        }
    }
}

/// Performs handshakes.
#[derive(Debug, Clone)]
pub struct Handshake {
    identity: Identity,
    dialects: Dialects,
    patience: Duration,
}

/// What a handshake found out.
#[derive(Debug)]
#[non_exhaustive]
pub struct Established {
    /// The dialect that both ends now speak.
    pub dialect: Dialect,
    /// The identity of the peer.
    pub peer: Identity,
    /// Bytes that came behind the handshake: the beginning of the frames.
    pub received: BytesMut,
}

impl Handshake {
    /// Handshakes that introduce us as `identity`.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            dialects: Dialects::default(),
            patience: DEFAULT_PATIENCE,
        }
    }

    /// Sets which dialects are spoken.
    #[must_use]
    pub fn dialects(mut self, dialects: Dialects) -> Self {
        self.dialects = dialects;
        self
    }

    /// Sets how long a peer may be silent before it is spoken to in the
    /// preferred dialect.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The handshake of the end that accepted.
    ///
    /// # Errors
    ///
    /// When the connection ends, when the peer's first bytes are no handshake,
    /// and when it speaks a dialect or version that we do not.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the connection is of no use afterwards.
    pub async fn accept<T>(&self, io: &mut T) -> Result<Established, Error>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.run(io, false).await
    }

    /// The handshake of the end that connected.
    ///
    /// # Errors
    ///
    /// As for [`Handshake::accept`].
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the connection is of no use afterwards.
    pub async fn connect<T>(&self, io: &mut T) -> Result<Established, Error>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.run(io, true).await
    }

    /// The first half of the handshake of the end that accepted: learns who the
    /// peer is and, if the peer has said it by itself, says nothing yet. A peer
    /// that has not heard who we are cannot have let the connection in, so
    /// whoever is to decide about it decides in between.
    ///
    /// # Errors
    ///
    /// As for [`Handshake::accept`].
    ///
    /// # Cancel safety
    ///
    /// As for [`Handshake::accept`].
    pub async fn accept_half<T>(&self, io: &mut T) -> Result<HalfWay, Error>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.run_half(io, false, true).await
    }

    /// The first half of the handshake of the end that connected: the same.
    ///
    /// # Errors
    ///
    /// As for [`Handshake::accept`].
    ///
    /// # Cancel safety
    ///
    /// As for [`Handshake::accept`].
    pub async fn connect_half<T>(&self, io: &mut T) -> Result<HalfWay, Error>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.run_half(io, true, true).await
    }

    async fn run<T>(&self, io: &mut T, connecting: bool) -> Result<Established, Error>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let mut half_way = self.run_half(io, connecting, false).await?;
        half_way.tell(io).await?;
        Ok(half_way.established)
    }

    /// `reserved`: says who we are as late as can be.
    async fn run_half<T>(
        &self,
        io: &mut T,
        connecting: bool,
        reserved: bool,
    ) -> Result<HalfWay, Error>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let preferred = self.dialects.first_choice();
        let mut said = Said::default();
        match self.dialects {
            Dialects::Only(dialect) if reserved => {
                if connecting {
                    said.begin(io, dialect, &self.identity).await?;
                }
            }
            Dialects::Only(dialect) => said.complete(io, dialect, &self.identity).await?,
            Dialects::Prefer(_) if connecting => said.probe(io).await?,
            Dialects::Prefer(_) => {}
        }

        let mut received = BytesMut::with_capacity(BUFFER);
        let mut probed = false;
        let dialect = loop {
            match hello::detect(&received)? {
                Opening::Speaks(dialect) => break dialect,
                // A peer that answers a probe with a probe cannot be told
                // from one whose first length comes in two pieces: only the
                // accepting end may take it for the former.
                Opening::Waiting if !connecting => {
                    probed = true;
                    said.complete(io, preferred, &self.identity).await?;
                    read(io, &mut received).await?;
                }
                _ if said.all() || !silent(&received) => read(io, &mut received).await?,
                _ => match timeout(self.patience, read(io, &mut received)).await {
                    Ok(result) => result?,
                    Err(_) => said.complete(io, preferred, &self.identity).await?,
                },
            }
        };

        let fixed = match self.dialects {
            Dialects::Only(fixed) => Some(fixed),
            Dialects::Prefer(_) => None,
        };
        if let Some(ours) = said.dialect.or(fixed).filter(|&ours| ours != dialect) {
            return Err(Error::new(ErrorKind::Version).with_reason(format!(
                "the peer speaks the {dialect} dialect, and was spoken to in {ours}"
            )));
        }
        loop {
            if let Some(peer) = hello::decode(dialect, &mut received)? {
                return Ok(HalfWay {
                    established: Established {
                        dialect,
                        peer,
                        received,
                    },
                    identity: self.identity.clone(),
                    said,
                    probed,
                });
            }
            if said.all() {
                read(io, &mut received).await?;
                continue;
            }
            // It may wait for us in the middle: for good before its identity, if it
            // does as we do.
            let waits = !connecting && received.len() == hello::head_len(dialect);
            let patience = match (waits, dialect) {
                (true, Dialect::V1) => Duration::ZERO,
                // The Python library sends its identity apart from the length.
                (true, _) => self.patience.min(APART),
                (false, _) => self.patience,
            };
            match timeout(patience, read(io, &mut received)).await {
                Ok(result) => result?,
                Err(_) => {
                    probed |= waits;
                    said.complete(io, dialect, &self.identity).await?;
                }
            }
        }
    }
}

/// A handshake of which the first half is done: it is known who the peer is.
/// See [`Handshake::accept_half`].
#[derive(Debug)]
pub struct HalfWay {
    established: Established,
    identity: Identity,
    said: Said,
    probed: bool,
}

impl HalfWay {
    /// What the first half has found out.
    pub fn established(&self) -> &Established {
        &self.established
    }

    /// Takes the bytes that came behind the peer's handshake.
    pub fn take_received(&mut self) -> BytesMut {
        std::mem::take(&mut self.established.received)
    }

    /// Whether the peer was told who we are: it may have let the connection in
    /// then.
    pub fn is_told(&self) -> bool {
        self.said.all()
    }

    /// Whether the peer connected and then waited to hear who we are: it decides
    /// about the connection before we can.
    pub fn is_probed(&self) -> bool {
        self.probed
    }

    /// The second half: tells the peer who we are, unless it was told already.
    ///
    /// # Errors
    ///
    /// When the connection ends.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the connection is of no use afterwards.
    pub async fn tell<T: AsyncWrite + Unpin>(&mut self, io: &mut T) -> Result<(), Error> {
        self.said
            .complete(io, self.established.dialect, &self.identity)
            .await
    }
}

fn silent(received: &[u8]) -> bool {
    received.len() <= hello::PROBE.len()
}

async fn read<T: AsyncRead + Unpin>(io: &mut T, received: &mut BytesMut) -> Result<(), Error> {
    let before = received.len();
    match io.read_buf(received).await.map_err(explain)? {
        0 => Err(
            Error::new(ErrorKind::Disconnected).with_reason(match before {
                0 => "the peer closed the connection before it said who it is".to_owned(),
                some => format!("the peer closed the connection {some} bytes into the handshake"),
            }),
        ),
        _ => Ok(()),
    }
}

async fn write<T: AsyncWrite + Unpin>(io: &mut T, bytes: &[u8]) -> Result<(), Error> {
    io.write_all(bytes).await.map_err(explain)?;
    io.flush().await.map_err(explain)
}

/// What we have said so far.
#[derive(Debug, Default)]
struct Said {
    bytes: usize,
    dialect: Option<Dialect>,
}

impl Said {
    fn all(&self) -> bool {
        self.dialect.is_some()
    }

    async fn probe<T: AsyncWrite + Unpin>(&mut self, io: &mut T) -> Result<(), Error> {
        write(io, &hello::PROBE).await?;
        self.bytes = hello::PROBE.len();
        Ok(())
    }

    /// Says the dialect, and not who we are, unless that takes it all.
    async fn begin<T: AsyncWrite + Unpin>(
        &mut self,
        io: &mut T,
        dialect: Dialect,
        identity: &Identity,
    ) -> Result<(), Error> {
        let mut bytes = BytesMut::with_capacity(hello::MAX_LEN);
        hello::encode(dialect, identity, &mut bytes)?;
        self.bytes = hello::head_len(dialect);
        if hello::detect(&bytes[..self.bytes])? != Opening::Speaks(dialect) {
            // The length of the identity is that of a HELLO.
            self.bytes = bytes.len();
            self.dialect = Some(dialect);
        }
        write(io, &bytes[..self.bytes]).await
    }

    /// Says what is left to say in this dialect; nothing if all is said.
    async fn complete<T: AsyncWrite + Unpin>(
        &mut self,
        io: &mut T,
        dialect: Dialect,
        identity: &Identity,
    ) -> Result<(), Error> {
        if self.all() {
            return Ok(());
        }
        let mut bytes = BytesMut::with_capacity(hello::MAX_LEN);
        hello::encode(dialect, identity, &mut bytes)?;
        write(io, &bytes[self.bytes..]).await?;
        self.dialect = Some(dialect);
        Ok(())
    }
}

#[cfg(test)]
mod tests;

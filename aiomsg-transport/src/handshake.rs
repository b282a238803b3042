//! The handshake: the first bytes in each direction, with identity and dialect.
//!
//! ```text
//!  accepting                                    connecting
//!  ── reads first ──────────────────────────    ── sends 00 00 00 ───────────────────────
//!  the peer's dialect: answers in it            the peer's dialect: completes in it
//!  just 00 00 00:      speaks the preferred     silence for `patience`: the preferred one
//!  silence:            the same, in `patience`
//!  ── with one dialect fixed, either end sends its whole handshake at once ─────────────
//! ```
//!
//! An end that decides [half-way](HalfWay) about a connection must send its identity
//! last. So with a fixed dialect it reads first, too, and sends the part of its handshake
//! before its identity in place of `00 00 00`.
//!
//! `docs/protocol.md`, "Telling them apart", has the rules. Nothing here limits the time
//! of a handshake in all: the caller does, with one deadline over TLS and handshake.

use std::fmt;
use std::time::Duration;

use aiomsg_core::{Dialect, Error, ErrorKind, Identity};
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::codec::hello::{self, Opening};
use crate::io::explain;

/// The time to wait for a silent peer before speaking first, in the preferred dialect:
/// one second. If a round trip takes longer, give the connecting socket a fixed dialect.
pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(1);

/// The longest gap between pieces of a handshake that was sent at once.
const APART: Duration = Duration::from_millis(20);

/// Room for a handshake and a little more.
const BUFFER: usize = 2 * hello::MAX_LEN;

/// The dialects that a socket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialects {
    /// Both: the peer's dialect, and this one with a peer that waits for us to
    /// begin.
    Prefer(Dialect),
    /// This one only. A peer with the other dialect is refused.
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

/// Performs handshakes under an identity.
#[derive(Debug, Clone)]
pub struct Handshake {
    identity: Identity,
    dialects: Dialects,
    patience: Duration,
}

/// The result of a handshake.
#[derive(Debug)]
#[non_exhaustive]
pub struct Established {
    /// The dialect of the connection.
    pub dialect: Dialect,
    /// The identity of the peer.
    pub peer: Identity,
    /// The bytes behind the handshake: the beginning of the frames.
    pub received: BytesMut,
}

impl Handshake {
    /// Creates handshakes that send `identity` as ours.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            dialects: Dialects::default(),
            patience: DEFAULT_PATIENCE,
        }
    }

    /// Sets the dialects.
    #[must_use]
    pub fn dialects(mut self, dialects: Dialects) -> Self {
        self.dialects = dialects;
        self
    }

    /// Sets the time to wait for a silent peer before speaking first, in the preferred
    /// dialect.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Performs the handshake of the accepting end.
    ///
    /// # Errors
    ///
    /// When the connection ends, when the peer's first bytes are no handshake, and when
    /// the peer speaks an unsupported dialect or version.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the connection is unusable afterwards.
    pub async fn accept<T>(&self, io: &mut T) -> Result<Established, Error>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.run(io, false).await
    }

    /// Performs the handshake of the connecting end.
    ///
    /// # Errors
    ///
    /// As for [`Handshake::accept`].
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the connection is unusable afterwards.
    pub async fn connect<T>(&self, io: &mut T) -> Result<Established, Error>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.run(io, true).await
    }

    /// Performs the first half of the handshake of the accepting end: reads the peer's
    /// identity, and sends nothing if the peer has sent it by itself.
    ///
    /// A peer that does not know our identity cannot have admitted the connection. So
    /// the caller decides about the connection between the halves.
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

    /// Performs the first half of the handshake of the connecting end. See
    /// [`Handshake::accept_half`].
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

    /// `reserved`: sends our identity as late as possible.
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
                // A peer that answers a probe with a probe looks like one whose
                // first length comes in two pieces: only the accepting end may
                // assume the former.
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
            if said.bytes == 0 {
                // Else the peer would see an end without a reason. This end reports its own,
                // whether or not the peer still reads.
                let _ = said.begin(io, ours, &self.identity).await;
            }
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
            // The peer may wait for us in the middle: without an end before its
            // identity, if it does as we do.
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

/// A handshake after its first half, which has read the peer's identity. See
/// [`Handshake::accept_half`].
#[derive(Debug)]
pub struct HalfWay {
    established: Established,
    identity: Identity,
    said: Said,
    probed: bool,
}

impl HalfWay {
    /// Returns the result of the first half.
    pub fn established(&self) -> &Established {
        &self.established
    }

    /// Takes the bytes behind the peer's handshake.
    pub fn take_received(&mut self) -> BytesMut {
        std::mem::take(&mut self.established.received)
    }

    /// Returns whether the peer knows our identity, and so may have admitted the
    /// connection.
    pub fn is_told(&self) -> bool {
        self.said.all()
    }

    /// Returns whether the peer connected and then waited for our identity: it decides
    /// about the connection before we can.
    pub fn is_probed(&self) -> bool {
        self.probed
    }

    /// Performs the second half: sends our identity, unless the peer has it already.
    ///
    /// # Errors
    ///
    /// When the connection ends.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the connection is unusable afterwards.
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
        0 => Err(left(before)),
        _ => Ok(()),
    }
}

/// The peer has closed the connection in good order, after so many bytes of its handshake.
#[derive(Debug)]
struct Left(usize);

pub(crate) fn left(bytes: usize) -> Error {
    Error::new(ErrorKind::Disconnected).with_source(Left(bytes))
}

/// Returns how many bytes of its handshake the peer had sent when it closed the connection in
/// good order, or `None` for another error. A check whether a port is open sends none.
///
/// ```
/// use aiomsg_core::Identity;
/// use aiomsg_transport::handshake::{Handshake, left_after};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let (mut near, far) = tokio::io::duplex(64);
/// drop(far);
/// let error = Handshake::new(Identity::random()).accept(&mut near).await.unwrap_err();
/// assert_eq!(left_after(&error), Some(0));
/// # }
/// ```
pub fn left_after(error: &Error) -> Option<usize> {
    let source: &dyn std::error::Error = error;
    let left: &Left = source.source()?.downcast_ref()?;
    Some(left.0)
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("the peer closed the connection before it said who it is"),
            some => write!(
                f,
                "the peer closed the connection {some} bytes into the handshake"
            ),
        }
    }
}

impl std::error::Error for Left {}

async fn write<T: AsyncWrite + Unpin>(io: &mut T, bytes: &[u8]) -> Result<(), Error> {
    io.write_all(bytes).await.map_err(explain)?;
    io.flush().await.map_err(explain)
}

/// The part of our handshake that is sent.
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

    /// Sends the dialect without our identity, unless the dialect needs it all.
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

    /// Sends the rest of the handshake in this dialect, if there is any.
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
        self.bytes = bytes.len();
        self.dialect = Some(dialect);
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! The handshake: the first bytes in each direction.
//!
//! | dialect | bytes |
//! |---|---|
//! | v1 | `00 00 00 12`, `01` (HELLO), `01` (version), 16 bytes of identity |
//! | 2019 | the identity's length in 4 bytes (usually `00 00 00 10`), the identity |
//!
//! The first three bytes are the same, so a connecting socket that does not know the
//! dialect sends those, and lets the peer's first length decide how to continue.
//!
//! ```
//! use aiomsg_core::{Dialect, Identity};
//! use aiomsg_transport::codec::hello::{self, Opening};
//! use bytes::BytesMut;
//!
//! let mut wire = BytesMut::new();
//! hello::encode(Dialect::V2019, &Identity::new("server")?, &mut wire)?;
//! assert_eq!(&wire[..], b"\x00\x00\x00\x06server");
//!
//! assert_eq!(hello::detect(&wire)?, Opening::Speaks(Dialect::V2019));
//! let peer = hello::decode(Dialect::V2019, &mut wire)?;
//! assert_eq!(peer, Some(Identity::new("server")?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use aiomsg_core::{Dialect, Error, ErrorKind, Identity};
use bytes::{Buf, BufMut, BytesMut};

use super::{PREFIX, v1};

/// The first bytes of a connecting socket that does not know the dialect. They commit to
/// nothing, and wake a peer that reads before it speaks.
pub const PROBE: [u8; 3] = [0; 3];

/// The length of an identity in dialect v1, in bytes.
pub const V1_IDENTITY: usize = 16;

/// The longest handshake in bytes. A longer one is refused before any memory is allocated.
pub const MAX_LEN: usize = PREFIX + Identity::MAX_LEN;

const VERSION: u8 = 1;
const V1_BODY: usize = 2 + V1_IDENTITY;

/// The meaning of a peer's first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Nothing yet: more bytes are needed.
    Incomplete,
    /// Only `00 00 00`: the peer waits for our dialect.
    Waiting,
    /// The peer speaks this dialect.
    Speaks(Dialect),
}

/// Detects the dialect from a peer's first bytes.
///
/// Six bytes always suffice. An identity of 18 bytes whose first byte is `01` is taken for a
/// HELLO of dialect v1: this is the only ambiguous case.
///
/// # Errors
///
/// When the bytes begin neither dialect, when they announce an identity that is empty or
/// longer than [`Identity::MAX_LEN`], and when the version is not 1. The error names bytes
/// that look like TLS or HTTP.
pub fn detect(bytes: &[u8]) -> Result<Opening, Error> {
    if let Some(&first) = bytes.first()
        && first != 0
    {
        return Err(not_aiomsg(bytes));
    }
    if bytes.len() < PREFIX {
        if bytes.iter().any(|&byte| byte != 0) {
            return Err(too_long("more than 255"));
        }
        return Ok(if bytes.len() == PROBE.len() {
            Opening::Waiting
        } else {
            Opening::Incomplete
        });
    }
    match identity_frame_len(bytes)? {
        V1_BODY => match bytes.get(PREFIX..PREFIX + 2) {
            Some([v1::HELLO, VERSION]) => Ok(Opening::Speaks(Dialect::V1)),
            Some([v1::HELLO, version]) => Err(wrong_version(*version)),
            Some(_) => Ok(Opening::Speaks(Dialect::V2019)),
            None if bytes.get(PREFIX).is_some_and(|&kind| kind != v1::HELLO) => {
                Ok(Opening::Speaks(Dialect::V2019))
            }
            None => Ok(Opening::Incomplete),
        },
        _ => Ok(Opening::Speaks(Dialect::V2019)),
    }
}

/// Writes the handshake of a dialect.
///
/// # Errors
///
/// When the dialect is v1 and the identity does not have 16 bytes.
pub fn encode(dialect: Dialect, identity: &Identity, dst: &mut BytesMut) -> Result<(), Error> {
    match dialect {
        Dialect::V1 if identity.len() != V1_IDENTITY => {
            return Err(Error::new(ErrorKind::Config).with_reason(format!(
                "dialect v1 needs an identity of {V1_IDENTITY} bytes, this one has {}",
                identity.len()
            )));
        }
        Dialect::V1 => {
            dst.put_u32(V1_BODY as u32);
            dst.put_slice(&[v1::HELLO, VERSION]);
        }
        Dialect::V2019 => dst.put_u32(identity.len() as u32),
        dialect => return Err(super::unknown_dialect(dialect)),
    }
    dst.put_slice(identity.as_bytes());
    Ok(())
}

/// The number of bytes of a handshake before the identity, which show the dialect alone.
pub fn head_len(dialect: Dialect) -> usize {
    match dialect {
        Dialect::V1 => PREFIX + 2,
        // 2019, and any dialect with a length alone.
        _ => PREFIX,
    }
}

/// Takes the handshake of a dialect off the front of `src`, and no byte behind it. Returns
/// `None` if it needs more bytes.
///
/// # Errors
///
/// When the bytes are not a handshake of this dialect.
pub fn decode(dialect: Dialect, src: &mut BytesMut) -> Result<Option<Identity>, Error> {
    if src.len() < PREFIX {
        return Ok(None);
    }
    let body = identity_frame_len(src)?;
    if dialect == Dialect::V1 && body != V1_BODY {
        return Err(Error::new(ErrorKind::Protocol).with_reason(format!(
            "the first frame has {body} bytes, where a HELLO of version 1 has {V1_BODY}"
        )));
    }
    if src.len() < PREFIX + body {
        return Ok(None);
    }
    src.advance(PREFIX);
    let mut body = src.split_to(body);
    if dialect == Dialect::V1 {
        match (body.get_u8(), body.get_u8()) {
            (v1::HELLO, VERSION) => {}
            (v1::HELLO, version) => return Err(wrong_version(version)),
            (kind, _) => {
                return Err(Error::new(ErrorKind::Protocol).with_reason(format!(
                    "the first frame is of type {kind:#04x}, where a HELLO is expected"
                )));
            }
        }
    }
    let identity =
        Identity::new(&body).map_err(|error| Error::new(ErrorKind::Protocol).with_source(error))?;
    Ok(Some(identity))
}

/// The length that a handshake's prefix announces.
fn identity_frame_len(bytes: &[u8]) -> Result<usize, Error> {
    let Some(prefix) = bytes.first_chunk::<PREFIX>() else {
        return Ok(0);
    };
    match u32::from_be_bytes(*prefix) as usize {
        0 => Err(Error::new(ErrorKind::Protocol).with_reason("the peer's identity is empty")),
        len if len > Identity::MAX_LEN => Err(too_long(&len.to_string())),
        len => Ok(len),
    }
}

fn too_long(len: &str) -> Error {
    Error::new(ErrorKind::TooLarge).with_reason(format!(
        "the peer announces an identity of {len} bytes, where it has at most {}",
        Identity::MAX_LEN
    ))
}

fn wrong_version(version: u8) -> Error {
    Error::new(ErrorKind::Version).with_reason(format!(
        "the peer speaks protocol version {version}, this socket version {VERSION}"
    ))
}

fn not_aiomsg(bytes: &[u8]) -> Error {
    // RFC 8446, section 5.1: a TLS record starts with its content type, 22
    // for a handshake and 21 for an alert, and a major version of 3.
    let reason = match bytes {
        [21 | 22, 3, ..] | [22] => "the peer speaks tls, and this endpoint is a plain one",
        [b'G' | b'P' | b'H' | b'O' | b'D', b'A'..=b'Z', ..] => "the peer speaks http",
        _ => "the first bytes are not those of an aiomsg peer",
    };
    Error::new(ErrorKind::Protocol).with_reason(reason)
}

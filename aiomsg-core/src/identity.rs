//! Identities of peers.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use uuid::Uuid;

/// The name under which a socket is known to its peers.
///
/// In dialect v1 an identity is exactly 16 bytes long. In the 2019 dialect it
/// is 16 bytes by the rules, but programs choose any non-empty byte string,
/// so an identity holds 1 to [`Identity::MAX_LEN`] bytes (wire document,
/// "2019").
///
/// Cloning an identity of up to 16 bytes copies it and touches no reference
/// count.
///
/// ```
/// use aiomsg_core::Identity;
///
/// let own = Identity::random();
/// assert_eq!(own.len(), 16);
/// let peer = Identity::new("server")?;
/// assert_eq!(peer.as_bytes(), b"server");
/// assert_eq!(peer.to_string(), "736572766572");
/// # Ok::<(), aiomsg_core::identity::IdentityError>(())
/// ```
#[derive(Clone)]
pub struct Identity(Repr);

#[derive(Clone)]
enum Repr {
    Short(Short),
    Long(Arc<[u8]>),
}

/// The order of the fields matters. Enums around an identity, such as a
/// [`Target`](crate::Target) or an `Option`, use values of the last word that are no
/// length, so the 16 bytes before it are moved as one.
#[derive(Clone, Copy)]
#[repr(C)]
struct Short {
    bytes: Aligned,
    len: Len,
}

/// The length of a short identity, in a whole word.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
enum Len {
    _1 = 1,
    _2 = 2,
    _3 = 3,
    _4 = 4,
    _5 = 5,
    _6 = 6,
    _7 = 7,
    _8 = 8,
    _9 = 9,
    _10 = 10,
    _11 = 11,
    _12 = 12,
    _13 = 13,
    _14 = 14,
    _15 = 15,
    _16 = 16,
}

/// In whole words, so that a message with an identity is moved by words.
#[derive(Clone, Copy)]
#[repr(align(8))]
struct Aligned([u8; SHORT]);

const SHORT: usize = 16;

const LENS: [Len; SHORT] = [
    Len::_1,
    Len::_2,
    Len::_3,
    Len::_4,
    Len::_5,
    Len::_6,
    Len::_7,
    Len::_8,
    Len::_9,
    Len::_10,
    Len::_11,
    Len::_12,
    Len::_13,
    Len::_14,
    Len::_15,
    Len::_16,
];

impl Identity {
    /// The most bytes that an identity may have: its length must fit in the
    /// one byte that is still open once a connecting socket has sent
    /// `00 00 00` (wire document, "Telling them apart").
    pub const MAX_LEN: usize = 255;

    /// A new random identity: the 16 bytes of a UUID version 4.
    pub fn random() -> Self {
        Uuid::new_v4().into()
    }

    /// An identity of the program's own choice.
    ///
    /// # Errors
    ///
    /// When `bytes` is empty or longer than [`Identity::MAX_LEN`].
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, IdentityError> {
        let bytes = bytes.as_ref();
        match bytes.len() {
            0 => Err(IdentityError { len: 0 }),
            len if len <= SHORT => {
                let mut short = [0; SHORT];
                short[..len].copy_from_slice(bytes);
                Ok(Self(Repr::Short(Short {
                    bytes: Aligned(short),
                    len: LENS[len - 1],
                })))
            }
            len if len <= Self::MAX_LEN => Ok(Self(Repr::Long(bytes.into()))),
            len => Err(IdentityError { len }),
        }
    }

    /// The bytes, as they travel.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Short(short) => &short.bytes.0[..short.len as usize],
            Repr::Long(bytes) => bytes,
        }
    }

    /// The length in bytes: 1 to [`Identity::MAX_LEN`].
    #[expect(clippy::len_without_is_empty, reason = "an identity is never empty")]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Short(short) => short.len as usize,
            Repr::Long(bytes) => bytes.len(),
        }
    }

    /// The first four bytes in hexadecimal, for logs at info level and below,
    /// where an identity is not written in full.
    pub fn short(&self) -> impl fmt::Display + '_ {
        struct Short<'a>(&'a [u8]);
        impl fmt::Display for Short<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                hex(f, &self.0[..self.0.len().min(4)])?;
                if self.0.len() > 4 {
                    f.write_str("…")?;
                }
                Ok(())
            }
        }
        Short(self.as_bytes())
    }
}

fn hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl From<Uuid> for Identity {
    fn from(uuid: Uuid) -> Self {
        uuid.into_bytes().into()
    }
}

impl From<[u8; 16]> for Identity {
    fn from(bytes: [u8; 16]) -> Self {
        Self(Repr::Short(Short {
            bytes: Aligned(bytes),
            len: Len::_16,
        }))
    }
}

impl TryFrom<&[u8]> for Identity {
    type Error = IdentityError;

    fn try_from(bytes: &[u8]) -> Result<Self, IdentityError> {
        Self::new(bytes)
    }
}

impl AsRef<[u8]> for Identity {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

// Short identities are compared and hashed whole, as two words: the bytes behind
// their end are zero.

impl PartialEq for Identity {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Short(one), Repr::Short(other)) => {
                one.len == other.len && one.bytes.0 == other.bytes.0
            }
            (Repr::Long(bytes), Repr::Long(other)) => bytes == other,
            _ => false,
        }
    }
}

impl Eq for Identity {}

impl Hash for Identity {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Repr::Short(short) => state.write_u128(u128::from_ne_bytes(short.bytes.0)),
            Repr::Long(bytes) => bytes.hash(state),
        }
    }
}

impl PartialOrd for Identity {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Identity {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

/// Lower-case hexadecimal, as the Python library prints identities.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, self.as_bytes())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({self})")
    }
}

/// An identity that is empty or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an identity has 1 to {} bytes, this one has {len}", Identity::MAX_LEN)]
pub struct IdentityError {
    len: usize,
}

#[cfg(test)]
mod tests;

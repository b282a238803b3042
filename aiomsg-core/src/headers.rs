//! Headers of messages: names and values beside the payload.

mod block;

use std::fmt;

use bytes::Bytes;

use crate::{Error, ErrorKind};

/// The names and values beside the payload of a message, such as its trace context.
///
/// A name is 1 to 255 lower-case letters, digits, `-`, `_` and `.`; upper-case letters are
/// made lower-case. A value is text of up to 65,535 bytes without control characters. Each
/// name is there once. The headers of one message are bounded by [`HeaderLimits`].
///
/// They travel in dialect v1 alone: see `docs/protocol.md`. A clone shares the bytes.
///
/// ```
/// use aiomsg_core::Headers;
///
/// let mut headers = Headers::new();
/// headers.insert("Content-Type", "text/plain")?;
/// assert_eq!(headers.get("content-type"), Some("text/plain"));
/// assert_eq!(headers.len(), 1);
///
/// let error = headers.insert("two words", "").unwrap_err();
/// assert!(error.is_config());
/// # Ok::<(), aiomsg_core::Error>(())
/// ```
// As they travel, so that they are made once and never taken apart on their way.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Bytes);

pub(crate) static NONE: Headers = Headers::new();

impl Headers {
    /// No headers. This takes no memory.
    pub const fn new() -> Self {
        Self(Bytes::new())
    }

    /// Adds a header. It replaces the one of the same name.
    ///
    /// # Errors
    ///
    /// When the name or the value is none ([`Error::is_config`]).
    pub fn insert(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let inserted = self.try_insert(name, value);
        inserted.map_err(|reason| Error::new(ErrorKind::Config).with_reason(reason))
    }

    /// Adds a header, or says why it is none.
    pub(crate) fn try_insert(&mut self, name: &str, value: &str) -> Result<(), String> {
        let name = name.to_ascii_lowercase();
        block::check_name(name.as_bytes())
            .and_then(|()| block::check_value(value.as_bytes()))
            .map_err(|reason| format!("the header {}: {reason}", shown(&name)))?;
        let others = self.iter().filter(|(other, _)| *other != name);
        self.0 = block::encode(others.chain([(&*name, value)]));
        Ok(())
    }

    /// Takes a header out. Returns whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let there = self.get(&name).is_some();
        if there {
            self.0 = block::encode(self.iter().filter(|(other, _)| *other != name));
        }
        there
    }

    /// The value of a header.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.iter();
        let (_, value) = all.find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// The names and values, in the order in which they were added.
    pub fn iter(&self) -> Iter<'_> {
        Iter(&self.0)
    }

    /// The number of headers.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The headers as they travel: for each, the length of its name in 1 byte, the name,
    /// the length of its value in 2 bytes, big-endian, and the value.
    #[inline]
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The headers in bytes as they travel.
    ///
    /// # Errors
    ///
    /// When the bytes are no headers, and when there are more than the limits admit
    /// ([`Error::is_protocol`]).
    pub fn from_bytes(bytes: Bytes, limits: HeaderLimits) -> Result<Self, Error> {
        block::check(&bytes, limits).map_err(|reason| {
            Error::new(ErrorKind::Protocol).with_reason(format!("the headers: {reason}"))
        })?;
        Ok(Self(bytes))
    }

    /// Copies the bytes out of a larger buffer of which they may be a part.
    pub fn unshare(&mut self) {
        self.0 = Bytes::copy_from_slice(&self.0);
    }

    /// Says why they are more than the limits admit.
    pub fn excess(&self, limits: HeaderLimits) -> Option<String> {
        let reason = limits.refuse(self.len(), self.0.len())?;
        Some(format!("the headers: {reason}"))
    }
}

/// A name that is none may be of any length.
fn shown(name: &str) -> String {
    match name.char_indices().nth(40) {
        Some((end, _)) => format!("{:?}…", &name[..end]),
        None => format!("{name:?}"),
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The names and values of [`Headers`].
#[derive(Debug, Clone)]
pub struct Iter<'a>(&'a [u8]);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value, rest) = block::split(self.0)?;
        self.0 = rest;
        // They were checked when they were made.
        Some((str::from_utf8(name).ok()?, str::from_utf8(value).ok()?))
    }
}

/// How many headers a message may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderLimits {
    /// The most headers: 32 by default.
    pub count: usize,
    /// The most bytes of names and values, and 3 more for each header: 8 KiB by default.
    pub bytes: usize,
}

impl HeaderLimits {
    /// The largest limit in bytes that is of use: 1 MiB. A larger one counts as this one.
    pub const MAX_BYTES: usize = 1 << 20;

    /// Says why so many are too many.
    fn refuse(self, count: usize, bytes: usize) -> Option<String> {
        let most = self.bytes.min(Self::MAX_BYTES);
        if bytes > most {
            return Some(format!(
                "they have {bytes} bytes, where they have at most {most}"
            ));
        }
        (count > self.count)
            .then(|| format!("they are {count}, where they are at most {}", self.count))
    }
}

impl Default for HeaderLimits {
    fn default() -> Self {
        Self {
            count: 32,
            bytes: 8 << 10,
        }
    }
}

#[cfg(test)]
mod tests;

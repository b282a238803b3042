//! Payloads of messages.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

/// What can be the payload of a message to send.
///
/// [`Bytes`], [`BytesMut`], `Vec<u8>`, `Box<[u8]>` and `String` become a payload without a
/// copy. Borrowed text and bytes are copied once, literals included;
/// [`Bytes::from_static`] makes a payload of a literal without a copy.
///
/// ```
/// use aiomsg_core::Outbound;
///
/// let text = String::from("job 17");
/// assert_eq!(Outbound::new(&text[..3]).payload(), "job");
/// assert_eq!(Outbound::new(text).payload(), "job 17");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the payload of a message",
    label = "neither bytes nor text",
    note = "a payload is `Bytes`, `BytesMut`, `Vec<u8>`, `Box<[u8]>`, `String`, `&str` or `&[u8]`",
    note = "of a number, `to_string()` or `to_be_bytes().to_vec()` makes one; of a type with \
            serde, `Socket::send_json`, with the feature `json`; of a type that is \
            `Into<Bytes>`, `Bytes::from`"
)]
pub trait IntoPayload {
    /// The payload.
    fn into_payload(self) -> Bytes;
}

impl IntoPayload for Bytes {
    #[inline]
    fn into_payload(self) -> Bytes {
        self
    }
}

/// A clone shares the bytes.
impl IntoPayload for &Bytes {
    #[inline]
    fn into_payload(self) -> Bytes {
        self.clone()
    }
}

macro_rules! owned {
    ($($payload:ty),*) => {$(
        impl IntoPayload for $payload {
            #[inline]
            fn into_payload(self) -> Bytes {
                self.into()
            }
        }
    )*};
}

owned!(BytesMut, Vec<u8>, Box<[u8]>, String);

macro_rules! borrowed {
    ($($payload:ty),*) => {$(
        impl IntoPayload for $payload {
            #[inline]
            fn into_payload(self) -> Bytes {
                Bytes::copy_from_slice(self.as_ref())
            }
        }
    )*};
}

borrowed!(&str, &String, &[u8], &Vec<u8>);

impl<const N: usize> IntoPayload for &[u8; N] {
    #[inline]
    fn into_payload(self) -> Bytes {
        Bytes::copy_from_slice(self)
    }
}

impl IntoPayload for Cow<'_, str> {
    #[inline]
    fn into_payload(self) -> Bytes {
        match self {
            Cow::Borrowed(text) => text.into_payload(),
            Cow::Owned(text) => text.into_payload(),
        }
    }
}

impl IntoPayload for Cow<'_, [u8]> {
    #[inline]
    fn into_payload(self) -> Bytes {
        match self {
            Cow::Borrowed(bytes) => bytes.into_payload(),
            Cow::Owned(bytes) => bytes.into_payload(),
        }
    }
}

#[cfg(test)]
mod tests;

//! Replies of handlers.

use bytes::Bytes;

/// The return value of a message handler: a reply to the sender, or none.
///
/// ```
/// use aiomsg_core::reply::IntoReply;
///
/// assert_eq!(().into_reply(), None);
/// assert_eq!("yes".into_reply().as_deref(), Some(&b"yes"[..]));
/// assert_eq!(None::<String>.into_reply(), None);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a reply",
    label = "cannot be sent back to the peer",
    note = "a handler returns `()` for no reply, or `Bytes`, `Vec<u8>`, `String` or `&'static str`, \
            or an `Option` of one of these"
)]
pub trait IntoReply {
    /// The payload to send back, if any.
    fn into_reply(self) -> Option<Bytes>;
}

impl IntoReply for () {
    fn into_reply(self) -> Option<Bytes> {
        None
    }
}

impl<R: IntoReply> IntoReply for Option<R> {
    fn into_reply(self) -> Option<Bytes> {
        self?.into_reply()
    }
}

macro_rules! payloads {
    ($($payload:ty),*) => {$(
        impl IntoReply for $payload {
            fn into_reply(self) -> Option<Bytes> {
                Some(self.into())
            }
        }
    )*};
}

payloads!(Bytes, Vec<u8>, String, &'static str, &'static [u8]);

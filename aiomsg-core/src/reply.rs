//! Replies of handlers.

use std::convert::Infallible;

use bytes::Bytes;

use crate::{BoxError, Headers};

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

    /// The headers of the reply, asked for before the payload. There are none by default:
    /// layers around a handler add them, such as a trace context.
    fn reply_headers(&self) -> Headers {
        Headers::new()
    }
}

/// The outcome of a function that handles messages: a reply, or a `Result` of one.
///
/// ```
/// use aiomsg_core::reply::IntoOutcome;
///
/// assert_eq!("yes".into_outcome(), Ok("yes"));
/// assert_eq!(Err::<(), _>("no").into_outcome(), Err("no"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the outcome of a handler",
    label = "cannot be sent back to the peer",
    note = "a handler returns `()` for no reply, or `Bytes`, `Vec<u8>`, `String` or `&'static str`, \
            or an `Option` of one of these, or a `Result` of any of them whose error is \
            `Into<BoxError>`"
)]
pub trait IntoOutcome {
    /// What goes back to the sender.
    type Reply: IntoReply;
    /// The error of a message that was not handled.
    type Error: Into<BoxError>;

    /// The reply, or the error.
    ///
    /// # Errors
    ///
    /// When the message was not handled.
    fn into_outcome(self) -> Result<Self::Reply, Self::Error>;
}

/// A handler that cannot fail.
#[diagnostic::do_not_recommend]
impl<R: IntoReply> IntoOutcome for R {
    type Reply = R;
    type Error = Infallible;

    fn into_outcome(self) -> Result<R, Infallible> {
        Ok(self)
    }
}

#[diagnostic::do_not_recommend]
impl<R: IntoReply, E: Into<BoxError>> IntoOutcome for Result<R, E> {
    type Reply = R;
    type Error = E;

    fn into_outcome(self) -> Self {
        self
    }
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

    fn reply_headers(&self) -> Headers {
        self.as_ref().map_or_else(Headers::new, R::reply_headers)
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

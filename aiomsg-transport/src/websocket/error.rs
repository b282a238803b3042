use std::fmt;
use std::io;

use aiomsg_core::{Error, ErrorKind};

/// The reason for which a connection by WebSocket ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WebSocketError {
    /// The request was answered with an error.
    Refused {
        /// The status, with its text.
        status: &'static str,
        /// The text of the answer.
        reason: String,
    },
    /// The server answered our request with something else than an upgrade.
    NotUpgraded(String),
    /// The peer broke RFC 6455. It was told so by a close frame with this code.
    Broken {
        /// The code of the close frame.
        code: u16,
        /// What the peer did.
        reason: &'static str,
    },
}

impl fmt::Display for WebSocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status, reason } => {
                write!(f, "the http request was answered with {status}: {reason}")
            }
            Self::NotUpgraded(reason) => f.write_str(reason),
            Self::Broken { code, reason } => write!(f, "{reason} (closed with {code})"),
        }
    }
}

impl std::error::Error for WebSocketError {}

impl From<WebSocketError> for io::Error {
    fn from(error: WebSocketError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// Returns whether an accepted connection has ended because its HTTP request was refused: it
/// was no upgrade, or one that the [`WebSocketGuard`](super::WebSocketGuard) does not allow.
pub fn is_refused(error: &Error) -> bool {
    let source = error.io().and_then(io::Error::get_ref);
    let ours = source.and_then(|it| it.downcast_ref::<WebSocketError>());
    matches!(ours, Some(WebSocketError::Refused { .. }))
}

/// Returns an error of our own for one of this module, or `None` for another error.
pub(crate) fn explain(error: &io::Error) -> Option<Error> {
    let source = error.get_ref()?.downcast_ref::<WebSocketError>()?;
    Some(Error::new(ErrorKind::Protocol).with_reason(match source {
        WebSocketError::Refused { .. } => "the websocket upgrade was refused",
        WebSocketError::NotUpgraded(_) => "the server does not accept the websocket upgrade",
        WebSocketError::Broken { .. } => "the peer broke the websocket protocol",
    }))
}

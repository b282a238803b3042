//! Conversion of system errors.

use std::io;

use aiomsg_core::{Endpoint, Error, ErrorKind};

/// Converts an error of binding, connecting or accepting. Unlike an error of reading or
/// writing, it never means that a connection ended: there was none yet.
pub(crate) fn system(error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::TimedOut => ErrorKind::Timeout,
        _ => ErrorKind::Io,
    };
    Error::new(kind).with_source(error)
}

/// The error for an endpoint without a transport in this build.
pub(crate) fn unsupported(endpoint: &Endpoint) -> Error {
    let reason = match endpoint {
        Endpoint::Tls { .. } | Endpoint::TlsAt { .. } => {
            "tls is not built in; turn the feature \"tls\" on"
        }
        Endpoint::Wss { .. } if cfg!(not(feature = "tls")) => {
            "wss needs tls, which is not built in; turn the feature \"tls\" on"
        }
        Endpoint::Ws { .. } | Endpoint::Wss { .. } => {
            "websocket is not built in; turn the feature \"websocket\" on"
        }
        _ => "there is no such transport on this system",
    };
    Error::new(ErrorKind::Config).with_reason(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_connection_is_io_and_a_slow_one_a_timeout() {
        let refused = system(io::ErrorKind::ConnectionRefused.into());
        assert!(refused.is_io() && refused.io().is_some());
        assert!(system(io::ErrorKind::ConnectionReset.into()).is_io());
        assert!(system(io::ErrorKind::TimedOut.into()).is_timeout());
    }
}

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
    Error::new(kind)
        .with_reason(text(&error))
        .with_source(error)
}

/// The error for an endpoint without a transport in this build.
pub(crate) fn unsupported(endpoint: &Endpoint) -> Error {
    let reason = match endpoint {
        Endpoint::Tls { .. } => "tls is not built in; turn the feature \"tls\" on",
        _ => "there is no such transport on this system",
    };
    Error::new(ErrorKind::Config).with_reason(reason)
}

/// The text of a system error, in lower case like all our errors.
pub(crate) fn text(error: &io::Error) -> String {
    let text = error.to_string();
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        // "Connection refused", but not "SUN_LEN".
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            let mut lower: String = first.to_lowercase().collect();
            lower.push_str(&text[first.len_utf8()..]);
            lower
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_read_like_ours() {
        for (given, shown) in [
            ("Connection refused", "connection refused"),
            ("SUN_LEN is short", "SUN_LEN is short"),
            ("", ""),
            ("É", "É"),
        ] {
            assert_eq!(text(&io::Error::other(given)), shown);
        }
    }

    #[test]
    fn a_refused_connection_is_io_and_a_slow_one_a_timeout() {
        let refused = system(io::ErrorKind::ConnectionRefused.into());
        assert!(refused.is_io() && refused.io().is_some());
        assert!(system(io::ErrorKind::ConnectionReset.into()).is_io());
        assert!(system(io::ErrorKind::TimedOut.into()).is_timeout());
    }
}

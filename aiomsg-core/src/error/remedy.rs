//! The settings that mend errors.

use std::fmt;

/// The setting that may mend an [`Error`](crate::Error).
///
/// `Display` names the method that makes the setting. A program with options of
/// its own names them instead:
///
/// ```
/// use aiomsg_core::{Error, ErrorKind, error::Remedy};
///
/// fn advice(error: &Error) -> Option<&'static str> {
///     match error.remedy()? {
///         Remedy::Certificate => Some("give --cert and --key"),
///         Remedy::Trust => Some("give --trust"),
///         _ => None,
///     }
/// }
///
/// let error = Error::new(ErrorKind::Tls).with_remedy(Remedy::Trust);
/// assert_eq!(advice(&error), Some("give --trust"));
/// assert!(error.chain().to_string().contains("TlsConfig::builder().trust_file(..)"));
/// assert_eq!(error.chain().without_remedy().to_string(), "tls failed");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remedy {
    /// The TLS settings of the socket.
    Tls,
    /// The certificate that this end presents, and its key.
    Certificate,
    /// The certificates that this end trusts.
    Trust,
    /// The name that the certificate of the peer has.
    ServerName,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls => "make tls settings with TlsConfig::builder() and pass them to tls(..)",
            Self::Certificate => {
                "set a certificate with TlsConfig::builder().certificate_files(..)"
            }
            Self::Trust => {
                "give the peer's certificate, or that of its authority, to \
                 TlsConfig::builder().trust_file(..)"
            }
            Self::ServerName => "set the name with TlsConfig::builder().server_name(..)",
        })
    }
}

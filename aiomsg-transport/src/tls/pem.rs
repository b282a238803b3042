//! Certificates and keys from PEM text, with errors that say what is wrong
//! where.

use std::fmt;
use std::path::PathBuf;

use aiomsg_core::{Error, ErrorKind};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::text;

/// Where PEM text comes from.
#[derive(Clone)]
pub(super) enum Source {
    File(PathBuf),
    Bytes {
        /// What the bytes are for, to name them in errors.
        role: &'static str,
        pem: Vec<u8>,
    },
}

/// PEM text, and where it is from.
pub(super) struct Pem {
    source: Source,
    bytes: Vec<u8>,
}

impl Source {
    pub(super) fn bytes(role: &'static str, pem: impl Into<Vec<u8>>) -> Self {
        let pem = pem.into();
        Self::Bytes { role, pem }
    }

    pub(super) fn read(&self) -> Result<Pem, Error> {
        let bytes = match self {
            Self::File(path) => {
                std::fs::read(path).map_err(|error| wrong(self, text(&error)).with_source(error))?
            }
            Self::Bytes { pem, .. } => pem.clone(),
        };
        Ok(Pem {
            source: self.clone(),
            bytes,
        })
    }
}

impl Pem {
    /// All of it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All certificates, of which there must be one.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.bytes).collect();
        match read {
            Ok(certificates) if certificates.is_empty() => {
                Err(self.wrong("there is no certificate in it"))
            }
            Ok(certificates) => Ok(certificates),
            Err(error) => Err(self.not_pem(&error)),
        }
    }

    /// The first private key.
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, Error> {
        PrivateKeyDer::from_pem_slice(&self.bytes).map_err(|error| match error {
            pem::Error::NoItemsFound if is_encrypted(&self.bytes) => {
                self.wrong("the private key is encrypted; it must be without a passphrase")
            }
            pem::Error::NoItemsFound => self.wrong("there is no private key in it"),
            other => self.not_pem(&other),
        })
    }

    /// An error about what is in here.
    pub(super) fn wrong(&self, what: impl fmt::Display) -> Error {
        wrong(&self.source, what)
    }

    fn not_pem(&self, error: &pem::Error) -> Error {
        self.wrong(format_args!("it is not well-formed pem: {error}"))
    }
}

fn wrong(source: &Source, what: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Config).with_reason(format!("{source}: {what}"))
}

fn is_encrypted(pem: &[u8]) -> bool {
    // In the header of either form: PKCS #8, or the older "Proc-Type".
    let word = b"ENCRYPTED";
    pem.windows(word.len()).any(|window| window == word)
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Bytes { role, .. } => write!(f, "the bytes given as {role}"),
        }
    }
}

impl fmt::Display for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

/// Without the bytes: they may be a key.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

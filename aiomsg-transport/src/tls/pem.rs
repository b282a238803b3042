//! Certificates and keys from PEM text, with errors that say what is wrong
//! where.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use aiomsg_core::{Error, ErrorKind};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::blocks::{Blocks, CERTIFICATE};
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
                read_file(path).map_err(|error| wrong(self, text(&error)).with_source(error))?
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
        let blocks = self.blocks(CERTIFICATE)?;
        if !blocks.has_certificate() {
            return Err(self.wrong(match blocks.has_key() || blocks.is_encrypted() {
                true => "there is no certificate in it, but a private key".to_owned(),
                false => format!("there is no certificate in it, but: {blocks}"),
            }));
        }
        for label in blocks.not_understood() {
            // Somebody may count on what is in it.
            if label.ends_with("CERTIFICATE") {
                let label = label.to_lowercase();
                return Err(self.wrong(format_args!(
                    "a block in it is a \"{label}\", and not a plain certificate: convert it with \
                     openssl x509"
                )));
            }
            tracing::warn!("{self}: a block that is not understood is left out: {label}");
        }
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.bytes).collect();
        read.map_err(|error| self.not_pem(&error))
    }

    /// The first private key.
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, Error> {
        let blocks = self.blocks("PRIVATE KEY")?;
        if blocks.is_encrypted() {
            return Err(self.wrong(
                "its private key is encrypted: decrypt it first, with openssl pkey, as it must \
                 be without a passphrase",
            ));
        }
        if !blocks.has_key() {
            return Err(self.wrong(match blocks.has_certificate() {
                true => "there is no private key in it, but a certificate".to_owned(),
                false => format!("there is no private key in it, but: {blocks}"),
            }));
        }
        PrivateKeyDer::from_pem_slice(&self.bytes).map_err(|error| self.not_pem(&error))
    }

    fn blocks(&self, wanted: &str) -> Result<Blocks, Error> {
        Blocks::of(&self.bytes).map_err(|what| {
            let wanted = wanted.to_lowercase();
            self.wrong(format_args!("no {wanted} can be read from it: {what}"))
        })
    }

    /// An error about what is in here.
    pub(super) fn wrong(&self, what: impl fmt::Display) -> Error {
        wrong(&self.source, what)
    }

    /// The text of the error, and its `Debug`, may show what is in the file.
    fn not_pem(&self, error: &pem::Error) -> Error {
        self.wrong(match error {
            pem::Error::Base64Decode(_) => "it is not well-formed pem: a block in it is not base64",
            pem::Error::MissingSectionEnd { .. } => {
                "it is not well-formed pem: a block in it has no end"
            }
            _ => "it is not well-formed pem",
        })
    }
}

fn wrong(source: &Source, what: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Config).with_reason(format!("{source}: {what}"))
}

/// As much is read of a file. Those of all authorities of a system have 250 KiB.
const LARGEST: u64 = 16 << 20;

fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LARGEST {
        true => Err(std::io::Error::other("it has more than 16 mib")),
        false => Ok(bytes),
    }
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

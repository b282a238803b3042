//! Certificates and keys from PEM text, with errors that name the fault and its place, and
//! show no content.

use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use aiomsg_core::{Error, ErrorKind};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::blocks::{self, Block, Kind, Problem};

/// The largest file to read. The systems' bundles of authorities have less than a MiB.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The source of PEM text.
#[derive(Clone)]
pub(super) enum Source {
    File(PathBuf),
    Bytes {
        /// The purpose of the bytes, to name them in errors.
        role: &'static str,
        pem: Vec<u8>,
    },
}

/// PEM text, and its source.
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
                let refused = Error::new(ErrorKind::Config).with_reason(self.to_string());
                read(path).map_err(|error| refused.with_source(error))?
            }
            Self::Bytes { pem, .. } => pem.clone(),
        };
        if bytes.len() as u64 > LARGEST {
            return Err(wrong(
                self,
                format_args!("it is larger than the {} MiB that are read", LARGEST >> 20),
            ));
        }
        Ok(Pem {
            source: self.clone(),
            bytes,
        })
    }
}

/// One byte more than may be read, at most.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Pem {
    /// All of it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns all certificates, at least one.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let blocks = self.blocks("certificate")?;
        let mut certificates = Vec::new();
        for block in blocks
            .iter()
            .filter(|block| block.kind() == Kind::Certificate)
        {
            let (_, der) = block.decode().map_err(|problem| self.wrong(problem))?;
            certificates.push(der.into());
        }
        match certificates.is_empty() {
            true => Err(self.without("certificate", &blocks)),
            false => Ok(certificates),
        }
    }

    /// Returns the first private key.
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, Error> {
        let blocks = self.blocks("private key")?;
        for block in &blocks {
            match block.kind() {
                Kind::PrivateKey => {
                    let (kind, der) = block.decode().map_err(|problem| self.wrong(problem))?;
                    let key = PrivateKeyDer::from_pem(kind, der);
                    return key.ok_or_else(|| self.wrong(Problem::NotBase64(block.line)));
                }
                Kind::Encrypted => {
                    return Err(self.wrong(
                        "the private key is encrypted: decrypt it first, as with \"openssl \
                         pkey\"; it must be without a passphrase",
                    ));
                }
                _ => {}
            }
        }
        Err(self.without("private key", &blocks))
    }

    /// An error about the content.
    pub(super) fn wrong(&self, what: impl fmt::Display) -> Error {
        wrong(&self.source, what)
    }

    /// Returns all blocks, each of a known kind. A user may rely on an unknown one, such as
    /// certificates in a form of OpenSSL's own, or a list of revoked ones.
    fn blocks(&self, what: &str) -> Result<Vec<Block<'_>>, Error> {
        let blocks = blocks::read(&self.bytes).map_err(|problem| match problem {
            Problem::Empty | Problem::NoBlock => {
                self.wrong(format_args!("{problem}, so there is no {what} in it"))
            }
            other => self.wrong(other),
        })?;
        match blocks.iter().find(|block| block.kind() == Kind::Other) {
            Some(block) => {
                let name = match block.label() {
                    Some(label) => format!(" \"{label}\""),
                    None => String::new(),
                };
                Err(self.wrong(format_args!(
                    "the block{name} that begins at line {} is not understood; there is no use \
                     for it here",
                    block.line
                )))
            }
            None => Ok(blocks),
        }
    }

    /// The error for a file that lacks something, with its contents.
    fn without(&self, what: &str, blocks: &[Block<'_>]) -> Error {
        let other = match blocks[0].kind() {
            Kind::Certificate => "a certificate",
            Kind::PrivateKey | Kind::Encrypted => "a private key",
            Kind::PublicKey => "a public key",
            Kind::Parameters | Kind::Other => "parameters",
        };
        self.wrong(format_args!("there is no {what} in it, but {other}"))
    }
}

fn wrong(source: &Source, what: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Config).with_reason(format!("{source}: {what}"))
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

/// Shows no bytes: they may be a key.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

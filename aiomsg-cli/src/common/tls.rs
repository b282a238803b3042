//! TLS by the options of the command line.

use std::path::{Path, PathBuf};

use aiomsg::{Endpoint, TlsConfig};
use clap::Args;

use super::failure::{Failure, Outcome};

/// What `tls://` endpoints need.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsArgs {
    /// Our certificate, a PEM file, followed there by those of its issuers.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of our certificate, a PEM file.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Trusts peers with these certificates, or with ones that they have issued; a
    /// PEM file, may be repeated. A binding end then demands a certificate.
    #[arg(long, value_name = "FILE")]
    trust: Vec<PathBuf>,
    /// The name that the server's certificate must have, if not the host's.
    #[arg(long, value_name = "NAME", requires = "trust")]
    server_name: Option<String>,
}

/// The files that were named, wherever that was done.
pub(crate) struct TlsFiles<'a> {
    /// Our certificate, and its key.
    pub(crate) pair: Option<(&'a Path, &'a Path)>,
    pub(crate) trust: &'a [PathBuf],
    pub(crate) server_name: Option<&'a str>,
}

impl TlsFiles<'_> {
    /// Reads them, if there are any.
    pub(crate) fn config(&self) -> Outcome<Option<TlsConfig>> {
        if self.pair.is_none() && self.trust.is_empty() {
            return Ok(None);
        }
        let mut builder = TlsConfig::builder();
        if let Some((cert, key)) = self.pair {
            builder = builder.certificate_files(cert, key);
        }
        for file in self.trust {
            builder = builder.trust_file(file);
        }
        if let Some(name) = self.server_name {
            builder = builder.server_name(name);
        }
        Ok(Some(builder.build()?))
    }
}

impl TlsArgs {
    pub(crate) fn config(&self) -> Outcome<Option<TlsConfig>> {
        let files = TlsFiles {
            pair: self.cert.as_deref().zip(self.key.as_deref()),
            trust: &self.trust,
            server_name: self.server_name.as_deref(),
        };
        files.config()
    }

    /// Refuses an endpoint for which an option is missing, and names the option.
    pub(crate) fn check(&self, endpoint: &Endpoint, binds: bool) -> Outcome {
        if !matches!(endpoint, Endpoint::Tls { .. }) {
            return Ok(());
        }
        let missing = match binds {
            true if self.cert.is_none() => "listening with tls needs --cert FILE and --key FILE",
            false if self.trust.is_empty() => {
                "connecting with tls needs the peer's certificate, or its issuer's: --trust FILE"
            }
            _ => return Ok(()),
        };
        Err(Failure::usage(format!("{endpoint}: {missing}")))
    }
}

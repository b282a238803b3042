//! The files that TLS needs, by the options of the command line or a table of a
//! file.

use std::path::PathBuf;

use aiomsg::{Endpoint, TlsConfig};
use clap::Args;
use serde::Deserialize;

use super::failure::{Failure, Outcome};
use super::off_thread::off_thread;

/// The certificates for `tls://` endpoints.
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[command(next_help_heading = "TLS")]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TlsFiles {
    /// Our certificate, a PEM file, followed there by its issuers' certificates.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// The private key of our certificate, a PEM file.
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Trusts these certificates, and those that they have issued; a PEM file,
    /// may be repeated. A binding end then demands a certificate.
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Vec<PathBuf>,
    /// The name in the server's certificate, if it is not the host's.
    #[arg(long, value_name = "NAME", requires = "trust")]
    pub(crate) server_name: Option<String>,
}

impl TlsFiles {
    /// Whether anything was said.
    pub(crate) fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// Reads the files, if there are any.
    pub(crate) fn config(&self) -> Outcome<Option<TlsConfig>> {
        if self.cert.is_none() && self.trust.is_empty() {
            return Ok(None);
        }
        let mut builder = TlsConfig::builder();
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            builder = builder.certificate_files(cert, key);
        }
        for file in &self.trust {
            builder = builder.trust_file(file);
        }
        if let Some(name) = &self.server_name {
            builder = builder.server_name(name);
        }
        Ok(Some(builder.build()?))
    }

    /// The same, where it holds up nothing else.
    pub(crate) async fn read(&self) -> Outcome<Option<TlsConfig>> {
        let files = self.clone();
        off_thread(move || files.config()).await
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

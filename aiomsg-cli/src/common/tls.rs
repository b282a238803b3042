//! The files that TLS needs, by the options of the command line or a table of a
//! file.

use std::path::{Path, PathBuf};

use aiomsg::{Endpoint, TlsConfig};
use clap::{ArgGroup, Args};
use serde::Deserialize;

use super::failure::{Failure, Outcome};
use super::naming::Naming;
use super::off_thread::off_thread;

/// The certificates for `tls://` endpoints.
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[command(
    next_help_heading = "TLS",
    group = ArgGroup::new("authorities").multiple(true)
)]
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
    #[arg(long, value_name = "FILE", group = "authorities")]
    pub(crate) trust: Vec<PathBuf>,
    /// Trusts exactly these certificates, and none that they have issued, whatever
    /// their names and dates; a PEM file, may be repeated. A binding end then
    /// demands a certificate.
    #[arg(long, value_name = "FILE")]
    pub(crate) pin: Vec<PathBuf>,
    /// Trusts the system's authorities, for connecting only.
    #[arg(long, group = "authorities")]
    pub(crate) system_roots: bool,
    /// The name in the server's certificate, if it is not the host's.
    #[arg(long, value_name = "NAME", requires = "authorities")]
    pub(crate) server_name: Option<String>,
}

impl TlsFiles {
    /// Whether any of these is set.
    pub(crate) fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// The first of these that is set, by the name of its setting.
    pub(crate) fn first_set(&self) -> Option<&'static str> {
        let set = [
            ("cert", self.cert.is_some()),
            ("key", self.key.is_some()),
            ("trust", !self.trust.is_empty()),
            ("pin", !self.pin.is_empty()),
            ("system-roots", self.system_roots),
            ("server-name", self.server_name.is_some()),
        ];
        set.into_iter()
            .find_map(|(name, is_set)| is_set.then_some(name))
    }

    /// Makes the paths relative to this folder.
    pub(crate) fn set_folder(&mut self, folder: &Path) {
        let pair = self.cert.iter_mut().chain(&mut self.key);
        for path in pair.chain(&mut self.trust).chain(&mut self.pin) {
            *path = folder.join(&*path);
        }
    }

    /// Whether the certificate of a server could be accepted.
    fn trusts_servers(&self) -> bool {
        self.trusts_peers() || self.system_roots
    }

    /// Whether the certificate of a peer that connects could be accepted.
    fn trusts_peers(&self) -> bool {
        !self.trust.is_empty() || !self.pin.is_empty()
    }

    /// Whether the name of a server is checked: that of a pinned certificate is not.
    pub(crate) fn checks_names(&self) -> bool {
        !self.trust.is_empty() || self.system_roots
    }

    /// Reads the files, if there are any.
    pub(crate) fn config(&self) -> Result<Option<TlsConfig>, aiomsg::Error> {
        if self.cert.is_none() && !self.trusts_servers() {
            return Ok(None);
        }
        let mut builder = TlsConfig::builder();
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            builder = builder.certificate_files(cert, key);
        }
        for file in &self.trust {
            builder = builder.trust_file(file);
        }
        for file in &self.pin {
            builder = builder.pin_file(file);
        }
        if self.system_roots {
            builder = builder.trust_system_roots();
        }
        if let Some(name) = &self.server_name {
            builder = builder.server_name(name);
        }
        Ok(Some(builder.build()?))
    }

    /// The same, where it holds up nothing else.
    pub(crate) async fn read(&self) -> Outcome<Option<TlsConfig>> {
        let files = self.clone();
        off_thread(move || Ok(files.config()?)).await
    }

    /// Refuses an endpoint for which an option is missing, and names the option.
    pub(crate) fn check(&self, endpoint: &Endpoint, binds: bool) -> Outcome {
        self.check_named(endpoint, binds, Naming::Flags)
            .map_err(Failure::usage)
    }

    /// Refuses options of TLS where no endpoint uses it: the connections would be plain.
    pub(crate) fn check_used<'a>(
        &self,
        endpoints: impl IntoIterator<Item = &'a Endpoint>,
    ) -> Outcome {
        let mut endpoints = endpoints.into_iter().peekable();
        match endpoints.peek() {
            Some(first) if self.is_set() => {
                let first = first.to_string();
                match endpoints.any(Endpoint::is_tls) {
                    true => Ok(()),
                    false => Err(Failure::usage(format!(
                        "{first}: no endpoint uses tls, so the connections would be plain in spite \
                         of the options for it: write tls://, or leave these options out"
                    ))),
                }
            }
            _ => Ok(()),
        }
    }

    /// Refuses an endpoint for which a setting is missing, and names the setting.
    pub(crate) fn check_named(
        &self,
        endpoint: &Endpoint,
        binds: bool,
        naming: Naming,
    ) -> Result<(), String> {
        if !endpoint.is_tls() {
            return Ok(());
        }
        let name = |setting| naming.tls(setting);
        Err(match binds {
            true if self.cert.is_none() => format!(
                "{endpoint}: listening with tls needs a certificate: add {} and {}",
                name("cert"),
                name("key")
            ),
            true if self.system_roots && !self.trusts_peers() => format!(
                "{endpoint}: listening with {} needs {} or {}, as the system's authorities are \
                 for connecting only",
                name("system-roots"),
                name("pin"),
                name("trust")
            ),
            false if !self.trusts_servers() => format!(
                "{endpoint}: connecting with tls needs to know whom to trust: add {} (the peer's \
                 certificate), {} (that of its authority) or {}",
                name("pin"),
                name("trust"),
                name("system-roots")
            ),
            _ => return Ok(()),
        })
    }
}

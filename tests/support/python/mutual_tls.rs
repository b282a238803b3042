//! The options of `mutual_tls.py`.

use std::ffi::OsString;
use std::path::PathBuf;

/// Mutual TLS, set up as in the library's cookbook.
#[derive(Debug, Clone)]
#[must_use = "has no effect until it is given to a peer"]
pub struct Tls {
    cert: PathBuf,
    key: PathBuf,
    trust: PathBuf,
    server_name: Option<String>,
    check_hostname: bool,
}

impl Tls {
    /// Presents `cert`, whose key is `key`, and accepts peers that present
    /// `trust`, or a certificate signed by it. All are PEM files.
    pub fn new(
        cert: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
        trust: impl Into<PathBuf>,
    ) -> Self {
        Self {
            cert: cert.into(),
            key: key.into(),
            trust: trust.into(),
            server_name: None,
            check_hostname: false,
        }
    }

    /// Asks the bind end for this name, in place of the host connected to.
    /// Only for a peer that connects.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Checks that the certificate belongs to the server name. Only for a peer
    /// that connects.
    pub fn check_hostname(mut self) -> Self {
        self.check_hostname = true;
        self
    }

    /// The options of `mutual_tls.py`.
    pub(super) fn args(self) -> Vec<OsString> {
        let mut args = vec!["--cert".into(), self.cert.into()];
        args.extend(["--key".into(), self.key.into()]);
        args.extend(["--trust".into(), self.trust.into()]);
        if let Some(name) = self.server_name {
            args.extend(["--server-name".into(), name.into()]);
        }
        if self.check_hostname {
            args.push("--check-hostname".into());
        }
        args
    }
}

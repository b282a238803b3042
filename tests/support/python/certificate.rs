//! Certificates, made as the library's cookbook says.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The files that [`certificate`] made.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The self-signed certificate, as PEM.
    pub cert: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
}

/// Makes `name.cert` and `name.key` in `dir` with the cookbook's own command.
///
/// The command is kept as the cookbook prints it, because what it makes is the
/// point: a self-signed certificate that counts as an authority and has a
/// common name (`example.com`), but no subject alternative name.
///
/// `dir` must exist, and belong to one test: tests that run at the same time
/// would overwrite each other's files.
///
/// # Panics
///
/// If `openssl` is missing or fails.
pub fn certificate(dir: &Path, name: &str) -> Certificate {
    let key = format!("{name}.key");
    let cert = format!("{name}.cert");
    let output = Command::new("openssl")
        .args(["req", "-newkey", "rsa:2048", "-nodes", "-keyout", &key])
        .args(["-x509", "-days", "365", "-out", &cert])
        .args([
            "-subj",
            "/C=GB/ST=Blah/L=Blah/O=Blah/OU=Blah/CN=example.com",
        ])
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "the TLS tests make their certificates with `openssl`, which could not be \
                 started (apt-get install openssl): {error}"
            )
        });
    assert!(
        output.status.success(),
        "`openssl req` for {cert} failed with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Certificate {
        cert: dir.join(cert),
        key: dir.join(key),
    }
}

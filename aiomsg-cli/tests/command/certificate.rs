//! Certificates made with the openssl command.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A certificate and its key, each a PEM file.
pub(crate) struct Certificate {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificate {
    /// The options that present it.
    pub(crate) fn options(&self) -> [&str; 4] {
        let [cert, key] = [&self.cert, &self.key].map(|path| path.to_str().unwrap());
        ["--cert", cert, "--key", key]
    }

    pub(crate) fn path(&self) -> &str {
        self.cert.to_str().unwrap()
    }

    /// Its SHA-256 fingerprint, as openssl shows it.
    pub(crate) fn fingerprint(&self) -> String {
        let shown = openssl(&[
            "x509",
            "-noout",
            "-fingerprint",
            "-sha256",
            "-in",
            self.path(),
        ]);
        let (_, fingerprint) = shown.trim().split_once('=').unwrap();
        fingerprint.to_owned()
    }
}

/// A self-signed one with the common name `name.example`.
pub(crate) fn certificate(dir: &Path, name: &str) -> Certificate {
    named(dir, name, &format!("{name}.example"), &[])
}

/// A self-signed one with this common name.
pub(crate) fn with_name(dir: &Path, common_name: &str) -> Certificate {
    named(dir, common_name, common_name, &[])
}

/// One for `localhost`, issued by another.
pub(crate) fn issued_by(authority: &Certificate, dir: &Path, name: &str) -> Certificate {
    let issuer = [
        "-CA",
        authority.path(),
        "-CAkey",
        authority.key.to_str().unwrap(),
        "-addext",
        "subjectAltName=DNS:localhost",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ];
    named(dir, name, name, &issuer)
}

fn named(dir: &Path, file: &str, common_name: &str, more: &[&str]) -> Certificate {
    let made = Certificate {
        cert: dir.join(format!("{file}.cert")),
        key: dir.join(format!("{file}.key")),
    };
    let subject = format!("/CN={common_name}");
    let new = ["req", "-newkey", "rsa:2048", "-nodes", "-x509"];
    let options = ["-days", "2", "-subj", &subject];
    let files = ["-keyout", made.key.to_str().unwrap(), "-out", made.path()];
    openssl(&[&new[..], &options, &files, more].concat());
    made
}

fn openssl(args: &[&str]) -> String {
    let done = Command::new("openssl").args(args).output();
    let done = done.expect("the openssl command is needed");
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{args:?}: {errors}");
    String::from_utf8(done.stdout).unwrap()
}

//! The certificate of the TLS workloads.

use tempfile::TempDir;

use crate::library::{Certificate, Failure};

/// The files of a new certificate, and the directory that they are in until it
/// is dropped.
pub(super) fn create() -> Result<(TempDir, Certificate), Failure> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let directory = tempfile::tempdir()?;
    let files = Certificate {
        certificate: directory.path().join("bench.cert"),
        key: directory.path().join("bench.key"),
    };
    std::fs::write(&files.certificate, made.cert.pem())?;
    std::fs::write(&files.key, made.signing_key.serialize_pem())?;
    Ok((directory, files))
}

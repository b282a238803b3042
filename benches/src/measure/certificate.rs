//! The certificate of whatever is measured over TLS.

use std::path::Path;

use tempfile::TempDir;

use crate::library::{Certificate, Failure};

/// The files of a new certificate, and the directory that they are in until it
/// is dropped.
pub(crate) fn create() -> Result<(TempDir, Certificate), Failure> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let directory = tempfile::tempdir()?;
    let files = of(directory.path());
    std::fs::write(&files.certificate, made.cert.pem())?;
    std::fs::write(&files.key, made.signing_key.serialize_pem())?;
    Ok((directory, files))
}

/// The files in such a directory.
pub(crate) fn of(directory: &Path) -> Certificate {
    Certificate {
        certificate: directory.join("bench.cert"),
        key: directory.join("bench.key"),
    }
}

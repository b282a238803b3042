//! The identity of the backend, which stays the same from one start to the next.
//!
//! Consumers know a message that comes twice by the identity of its sender and by its id.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use aiomsg::Identity;

use crate::common::failure::{Failure, Outcome};
use crate::common::identity::parse;
use crate::common::said::said;

/// The name of the file beside the store.
const NAME: &str = "identity";

/// Reads the identity that is kept in this folder, or makes one and keeps it. The folder is
/// locked meanwhile.
pub(super) fn kept_in(folder: &Path) -> Outcome<Identity> {
    let file = folder.join(NAME);
    let failed = |error: std::io::Error| {
        Failure::failed(format!("the file {}: {}", file.display(), said(&error)))
    };
    match fs::read_to_string(&file) {
        Ok(text) => parse(text.trim())
            .map_err(|error| Failure::failed(format!("the file {}: {error}", file.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let identity = Identity::random();
            write(folder, &file, &identity).map_err(failed)?;
            Ok(identity)
        }
        Err(error) => Err(failed(error)),
    }
}

/// All of it is there after a crash, or nothing.
fn write(folder: &Path, file: &Path, identity: &Identity) -> std::io::Result<()> {
    let new = folder.join(format!("{NAME}.new"));
    let mut written = File::create(&new)?;
    writeln!(written, "hex:{identity}")?;
    written.sync_all()?;
    fs::rename(&new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = kept_in(folder.path()).unwrap();
        assert_eq!(kept_in(folder.path()).unwrap(), first);
        fs::write(folder.path().join(NAME), "hex:xyz").unwrap();
        let error = kept_in(folder.path()).unwrap_err();
        assert!(error.to_string().contains("identity"), "{error}");
    }
}

//! The folder of a store.

use std::fs::{DirBuilder, File};
use std::io;
use std::path::Path;

/// Makes a folder and those above it, as far as they are not there. Their names are on the
/// disk when this returns: what is stored in a folder without a name is lost.
pub(super) fn create(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(Path::new(""));
    create(above)?;
    match DirBuilder::new().create(folder) {
        // Another process was first, which syncs it too, or not.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        made => made?,
    }
    sync(above)
}

/// Writes the names in a folder to the disk.
#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    let here = Path::new(".");
    let folder = match folder.as_os_str().is_empty() {
        true => here,
        false => folder,
    };
    File::open(folder)?.sync_all()
}

/// Other systems cannot, and do not need to.
#[cfg(not(unix))]
fn sync(_folder: &Path) -> io::Result<()> {
    Ok(())
}

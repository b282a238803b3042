//! One process for each store.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

use fs4::{FileExt, TryLockError};

use crate::SpoolError;

/// The name of the file beside the database.
const NAME: &str = "owner";

/// The most bytes of the file that are read: it is one line.
const MOST: u64 = 256;

/// Holds the lock of a store. The system gives it free when the process ends, whatever the
/// way.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock of the store in this folder, and writes down who has it.
    pub(super) fn take(folder: &Path) -> Result<Self, SpoolError> {
        let failed = |source: std::io::Error| SpoolError::from_io(folder, source);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join(NAME))
            .map_err(failed)?;
        match FileExt::try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(SpoolError::InUse {
                    path: folder.to_owned(),
                    owner: owner(&mut file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // Who has it is for people. Without room for it on the disk, the lock is good as well.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", me()));
        Ok(Self(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.set_len(0);
        // A child process has copies of all files from its fork until its exec, and with a
        // copy the lock: closing the file would not give it free.
        let _ = FileExt::unlock(&self.0);
    }
}

fn owner(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(MOST).read_to_string(&mut text);
    match (read, text.trim()) {
        (Ok(_), named) if !named.is_empty() => named.to_owned(),
        _ => "another process".to_owned(),
    }
}

/// The name of this program, and its process id.
fn me() -> String {
    let program = std::env::current_exe().ok();
    let name = program.as_deref().and_then(Path::file_name);
    let name = name.map_or("a program".into(), |it| it.to_string_lossy());
    format!("{name} (process {})", std::process::id())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A store that was opened again right away was in use, by a child process that had just
    /// been forked.
    #[test]
    fn the_lock_is_free_while_a_child_has_a_copy_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        let copy = lock.0.try_clone().unwrap();
        assert!(Lock::take(folder.path()).is_err());
        drop(lock);
        assert!(Lock::take(folder.path()).is_ok());
        drop(copy);
    }
}

//! Unix sockets and their files.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};

use aiomsg_core::{Error, ErrorKind};
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixSocket, UnixStream};

use crate::error::system;

/// The longest path: the system's limit without the terminating zero.
const LONGEST: usize = if cfg!(any(target_os = "linux", target_os = "android")) {
    107
} else {
    103
};

/// Whether the system has abstract names.
const ABSTRACT: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Connects to the socket at this path.
pub(crate) async fn connect(path: &Path) -> Result<UnixStream, Error> {
    let address = address(path)?;
    UnixStream::connect(&address).await.map_err(|error| {
        // The error is the same as without a listener.
        let what = match fs::metadata(&address) {
            Ok(metadata) if metadata.is_dir() => "it is a directory",
            Ok(metadata) if !metadata.file_type().is_socket() => "the file is not a socket",
            _ => return system(error),
        };
        system(error).with_reason(what)
    })
}

/// The path in the form of the system: an abstract name, written `@name`, begins with a
/// zero.
fn address(path: &Path) -> Result<PathBuf, Error> {
    let wrong = |reason: String| Err(Error::new(ErrorKind::Address).with_reason(reason));
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() {
        return wrong("the path is empty".to_owned());
    }
    if bytes.contains(&0) {
        return wrong("the path has a zero byte in it".to_owned());
    }
    if bytes.len() > LONGEST {
        let len = bytes.len();
        return wrong(format!(
            "the path has {len} bytes, and that of a unix socket has at most {LONGEST}"
        ));
    }
    match is_abstract(path) {
        true if bytes.len() == 1 => wrong("the name behind the @ is missing".to_owned()),
        true => Ok(OsStr::from_bytes(&[b"\0", &bytes[1..]].concat()).into()),
        false => Ok(path.into()),
    }
}

fn is_abstract(path: &Path) -> bool {
    ABSTRACT && path.as_os_str().as_bytes().starts_with(b"@")
}

/// A bound path. Dropping it removes the file, if the file is still its own.
#[derive(Debug)]
pub(crate) struct BoundUnix {
    listener: UnixListener,
    /// The file; `None` for an abstract name.
    file: Option<(PathBuf, FileId)>,
}

/// Identifies a file, to notice another one at its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl BoundUnix {
    /// Binds a path. It replaces a stale socket file, which a killed program has left
    /// behind.
    pub(crate) async fn bind(path: &Path, backlog: u32, mode: Option<u32>) -> Result<Self, Error> {
        let address = address(path)?;
        let config = |reason: String| Error::new(ErrorKind::Config).with_reason(reason);
        if let Some(mode) = mode.filter(|mode| mode & !0o777 != 0) {
            return Err(config(format!(
                "the mode {mode:o} is not one from 0 to 777"
            )));
        }
        if is_abstract(path) {
            if mode.is_some() {
                return Err(config(
                    "an abstract name has no file to set a mode of".to_owned(),
                ));
            }
            let listener = listen(&address, backlog, None).map_err(system)?;
            return Ok(Self {
                listener,
                file: None,
            });
        }
        // The program may change its working folder before the drop.
        let path = std::path::absolute(path).map_err(system)?;
        let listener = match listen(&address, backlog, mode) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                remove_stale(&address).await?;
                listen(&address, backlog, mode)
            }
            other => other,
        };
        let listener = listener.map_err(system)?;
        let file = FileId::of(&path).map_err(system)?;
        let file = Some((path, file));
        Ok(Self { listener, file })
    }

    pub(crate) fn poll_accept(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        self.listener.poll_accept(cx)
    }
}

impl Drop for BoundUnix {
    fn drop(&mut self) {
        // The socket is still open, so its inode cannot have been given to
        // another file.
        if let Some((path, own)) = &self.file
            && FileId::of(path).is_ok_and(|file| file == *own)
            && let Err(error) = fs::remove_file(path)
        {
            tracing::debug!(path = %path.display(), %error, "socket file not removed");
        }
    }
}

fn listen(path: &Path, backlog: u32, mode: Option<u32>) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    let listener = match mode {
        // No peer can connect before it listens, whatever the file's mode is.
        Some(mode) => fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .and_then(|()| socket.listen(backlog)),
        None => socket.listen(backlog),
    };
    if listener.is_err() && !path.as_os_str().as_bytes().starts_with(b"\0") {
        // The error is what matters.
        let _ = fs::remove_file(path);
    }
    listener
}

/// Removes a stale socket file, without a listener, and fails for any other file.
///
/// A live listener sees a connection that is closed at once. The system cannot remove a
/// file only if it is still the one that was checked. So two programs that replace the same
/// stale file at the same instant may both succeed, and the first of them then listens at
/// no path.
async fn remove_stale(path: &Path) -> Result<(), Error> {
    let in_use = |why: &str| system(io::ErrorKind::AddrInUse.into()).with_reason(why);
    let metadata = fs::symlink_metadata(path).map_err(system)?;
    if metadata.is_dir() {
        return Err(in_use("it is a directory"));
    }
    if !metadata.file_type().is_socket() {
        return Err(in_use("the file exists and is not a socket"));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        // Its owner has gone and cleaned up.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        // A listener, or a full backlog, or a foreign socket.
        _ => return Err(in_use("another socket listens there")),
    }
    if FileId::of(path).is_ok_and(|file| file != FileId::from(&metadata)) {
        return Err(in_use("another socket was bound there meanwhile"));
    }
    tracing::debug!(path = %path.display(), "stale socket file removed");
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(system(error)),
        _ => Ok(()),
    }
}

// ===== impl FileId =====

impl FileId {
    fn of(path: &Path) -> io::Result<Self> {
        fs::symlink_metadata(path).map(|metadata| Self::from(&metadata))
    }
}

impl From<&fs::Metadata> for FileId {
    fn from(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

#[cfg(test)]
mod tests;

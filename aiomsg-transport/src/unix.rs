//! Unix sockets.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};

use aiomsg_core::Error;
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixSocket, UnixStream};

use crate::error::system;

/// Connects to the socket at this path.
pub(crate) async fn connect(path: &Path) -> Result<UnixStream, Error> {
    UnixStream::connect(path).await.map_err(system)
}

/// A bound path. Removes the file when dropped, if the file is still its own.
#[derive(Debug)]
pub(crate) struct BoundUnix {
    listener: UnixListener,
    path: PathBuf,
    file: FileId,
}

/// Tells a file from another one that took its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl BoundUnix {
    /// Binds a path. A socket file that nobody listens on, left behind by a
    /// program that was killed, is replaced.
    pub(crate) async fn bind(path: &Path, backlog: u32) -> Result<Self, Error> {
        // The program may change its working folder before the drop.
        let path = std::path::absolute(path).map_err(system)?;
        let listener = match listen(&path, backlog) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                remove_stale(&path).await?;
                listen(&path, backlog)
            }
            other => other,
        };
        let listener = listener.map_err(system)?;
        let file = FileId::of(&path).map_err(system)?;
        Ok(Self {
            listener,
            path,
            file,
        })
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
        if FileId::of(&self.path).is_ok_and(|file| file == self.file)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(path = %self.path.display(), %error, "socket file not removed");
        }
    }
}

fn listen(path: &Path, backlog: u32) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    socket.listen(backlog)
}

/// Removes a socket file that nobody listens on; fails if it is anything else.
///
/// A live listener sees a connection that is closed at once. There is no way
/// to remove a file only if it is still the one that was looked at, so two
/// programs that replace the same stale file in the same instant may both
/// succeed, and the first of them then listens at no path.
async fn remove_stale(path: &Path) -> Result<(), Error> {
    let in_use = |why: &str| {
        system(io::ErrorKind::AddrInUse.into()).with_reason(format!("address in use: {why}"))
    };
    let metadata = fs::symlink_metadata(path).map_err(system)?;
    if !metadata.file_type().is_socket() {
        return Err(in_use("the file exists and is not a socket"));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        // Whoever held it has gone and cleaned up.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        // Connected, or a full backlog, or a socket that is not ours to touch.
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
mod tests {
    use super::*;

    /// A folder of this test's own, removed in the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let name = format!("aiomsg-{}-{test}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn path(&self) -> PathBuf {
            self.0.join("s")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn in_use(error: &Error) -> bool {
        error.is_io() && error.io().unwrap().kind() == io::ErrorKind::AddrInUse
    }

    #[tokio::test]
    async fn the_file_goes_with_the_listener() {
        let folder = Folder::new("drop");
        let bound = BoundUnix::bind(&folder.path(), 8).await.unwrap();
        connect(&folder.path()).await.unwrap();

        drop(bound);

        assert!(!folder.path().exists());
        let error = connect(&folder.path()).await.unwrap_err();
        assert!(error.is_io(), "{error}");
    }

    #[tokio::test]
    async fn a_stale_file_is_replaced() {
        let folder = Folder::new("stale");
        // A listener of the standard library leaves its file behind.
        drop(std::os::unix::net::UnixListener::bind(folder.path()).unwrap());
        assert!(folder.path().exists());

        let _bound = BoundUnix::bind(&folder.path(), 8).await.unwrap();
        connect(&folder.path()).await.unwrap();
    }

    #[tokio::test]
    async fn a_live_socket_is_left_alone() {
        let folder = Folder::new("live");
        let _bound = BoundUnix::bind(&folder.path(), 8).await.unwrap();

        let error = BoundUnix::bind(&folder.path(), 8).await.unwrap_err();

        assert!(in_use(&error), "{error}");
        connect(&folder.path()).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let folder = Folder::new("file");
        fs::write(folder.path(), "precious").unwrap();

        let error = BoundUnix::bind(&folder.path(), 8).await.unwrap_err();

        assert!(in_use(&error), "{error}");
        assert!(error.to_string().contains("not a socket"), "{error}");
        assert_eq!(fs::read_to_string(folder.path()).unwrap(), "precious");
    }

    #[tokio::test]
    async fn the_file_of_a_successor_survives_the_drop() {
        let folder = Folder::new("successor");
        let first = BoundUnix::bind(&folder.path(), 8).await.unwrap();
        fs::remove_file(folder.path()).unwrap();
        let _second = BoundUnix::bind(&folder.path(), 8).await.unwrap();

        drop(first);

        connect(&folder.path()).await.unwrap();
    }
}

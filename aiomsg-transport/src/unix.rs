//! Unix sockets.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};

use aiomsg_core::{Error, ErrorKind};
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixSocket, UnixStream};

use crate::error::system;

/// Connects to the socket at this path.
pub(crate) async fn connect(path: &Path) -> Result<UnixStream, Error> {
    let name = Name::of(path)?;
    UnixStream::connect(&name.path).await.map_err(system)
}

/// The longest path or name of a socket, in bytes.
const LONGEST: usize = if cfg!(any(target_os = "linux", target_os = "android")) {
    107
} else {
    103
};

/// A path as the system wants it.
struct Name {
    path: PathBuf,
    /// It is no file.
    is_abstract: bool,
}

impl Name {
    fn of(path: &Path) -> Result<Self, Error> {
        let bytes = path.as_os_str().as_bytes();
        let is_abstract = bytes.first() == Some(&b'@');
        let fail = |reason: String| Err(Error::new(ErrorKind::Address).with_reason(reason));
        if is_abstract && !cfg!(any(target_os = "linux", target_os = "android")) {
            return fail("only Linux has Unix sockets with abstract names".to_owned());
        }
        if bytes.is_empty() || bytes == b"@" {
            return fail("the path of the socket is empty".to_owned());
        }
        if bytes.contains(&0) {
            return fail("the path of the socket has a zero byte in it".to_owned());
        }
        if bytes.len() > LONGEST {
            return fail(format!(
                "the path of the socket has {} bytes, and the system allows {LONGEST}",
                bytes.len()
            ));
        }
        let path = match is_abstract {
            true => [b"\0", &bytes[1..]].concat(),
            false => bytes.to_vec(),
        };
        Ok(Self {
            path: OsString::from_vec(path).into(),
            is_abstract,
        })
    }
}

/// A bound path. Removes the file when dropped, if the file is still its own.
#[derive(Debug)]
pub(crate) struct BoundUnix {
    listener: UnixListener,
    path: PathBuf,
    /// `None` for an abstract name.
    file: Option<FileId>,
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
    ///
    /// `mode` says who may connect, on systems where that is asked; nobody can before
    /// it is set.
    pub(crate) async fn bind(path: &Path, backlog: u32, mode: Option<u32>) -> Result<Self, Error> {
        let name = Name::of(path)?;
        if name.is_abstract {
            if mode.is_some() {
                return Err(Error::new(ErrorKind::Config).with_reason(
                    "a Unix socket with an abstract name has no mode: everyone may connect",
                ));
            }
            return Ok(Self {
                listener: listen(&name.path, backlog, None).map_err(system)?,
                path: name.path,
                file: None,
            });
        }
        // The program may change its working folder before the drop.
        let path = std::path::absolute(path).map_err(system)?;
        let path = Name::of(&path)?.path;
        let listener = match listen(&path, backlog, mode) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                remove_stale(&path).await?;
                listen(&path, backlog, mode)
            }
            other => other,
        };
        let listener = listener.map_err(system)?;
        let file = FileId::of(&path).map_err(system)?;
        Ok(Self {
            listener,
            path,
            file: Some(file),
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
        if FileId::of(&self.path).is_ok_and(|file| Some(file) == self.file)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(path = %self.path.display(), %error, "socket file not removed");
        }
    }
}

fn listen(path: &Path, backlog: u32, mode: Option<u32>) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    if let Some(mode) = mode {
        // Nobody can connect before it listens.
        let set = fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o777));
        if let Err(error) = set {
            let _ = fs::remove_file(path);
            return Err(error);
        }
    }
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
        let bound = BoundUnix::bind(&folder.path(), 8, None).await.unwrap();
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

        let _bound = BoundUnix::bind(&folder.path(), 8, None).await.unwrap();
        connect(&folder.path()).await.unwrap();
    }

    #[tokio::test]
    async fn a_live_socket_is_left_alone() {
        let folder = Folder::new("live");
        let _bound = BoundUnix::bind(&folder.path(), 8, None).await.unwrap();

        let error = BoundUnix::bind(&folder.path(), 8, None).await.unwrap_err();

        assert!(in_use(&error), "{error}");
        connect(&folder.path()).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let folder = Folder::new("file");
        fs::write(folder.path(), "precious").unwrap();

        let error = BoundUnix::bind(&folder.path(), 8, None).await.unwrap_err();

        assert!(in_use(&error), "{error}");
        assert!(error.to_string().contains("not a socket"), "{error}");
        assert_eq!(fs::read_to_string(folder.path()).unwrap(), "precious");
    }

    #[tokio::test]
    async fn the_file_of_a_successor_survives_the_drop() {
        let folder = Folder::new("successor");
        let first = BoundUnix::bind(&folder.path(), 8, None).await.unwrap();
        fs::remove_file(folder.path()).unwrap();
        let _second = BoundUnix::bind(&folder.path(), 8, None).await.unwrap();

        drop(first);

        connect(&folder.path()).await.unwrap();
    }

    #[tokio::test]
    async fn the_mode_is_set_before_anybody_can_connect() {
        for mode in [0o600, 0o660, 0o777] {
            let folder = Folder::new(&format!("mode-{mode:o}"));
            let _bound = BoundUnix::bind(&folder.path(), 8, Some(mode))
                .await
                .unwrap();
            let found = fs::metadata(folder.path()).unwrap().permissions().mode();
            assert_eq!(found & 0o777, mode);
            connect(&folder.path()).await.unwrap();
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_abstract_name_is_no_file() {
        let name = format!("@aiomsg-test-{}", std::process::id());
        let bound = BoundUnix::bind(Path::new(&name), 8, None).await.unwrap();
        connect(Path::new(&name)).await.unwrap();
        assert!(!Path::new(&name).exists());
        let error = BoundUnix::bind(Path::new(&name), 8, None)
            .await
            .unwrap_err();
        assert!(in_use(&error), "{error}");
        let with_mode = BoundUnix::bind(Path::new("@other"), 8, Some(0o600)).await;
        assert!(with_mode.unwrap_err().is_config());
        drop(bound);
        BoundUnix::bind(Path::new(&name), 8, None).await.unwrap();
    }

    #[tokio::test]
    async fn a_path_that_cannot_be_one_is_told_with_the_number() {
        let long = format!("/tmp/{}", "x".repeat(200));
        for (path, word) in [
            (long.as_str(), "205 bytes, and the system allows 10"),
            (&format!("@{}", "x".repeat(107)), "108 bytes"),
            ("", "empty"),
            ("@", "empty"),
            ("/tmp/a\0b", "zero byte"),
        ] {
            let path = Path::new(path);
            for error in [
                connect(path).await.unwrap_err(),
                BoundUnix::bind(path, 8, None).await.unwrap_err(),
            ] {
                assert!(error.is_address(), "{error}");
                assert!(error.to_string().contains(word), "{error}");
            }
        }
        let fits = format!("@{}", "x".repeat(106));
        #[cfg(target_os = "linux")]
        BoundUnix::bind(Path::new(&fits), 8, None).await.unwrap();
        let error = BoundUnix::bind(&std::env::temp_dir(), 8, None)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("not a socket"), "{error}");
    }
}

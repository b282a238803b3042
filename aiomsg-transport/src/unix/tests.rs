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
    assert!(
        error.chain().to_string().contains("not a socket"),
        "{error}"
    );
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

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The file had the mode that the umask left it, and there was no other.
#[tokio::test]
async fn the_file_has_the_mode_that_is_set() {
    for wanted in [0o600, 0o660, 0o777] {
        let folder = Folder::new(&format!("mode-{wanted:o}"));
        let bound = BoundUnix::bind(&folder.path(), 8, Some(wanted))
            .await
            .unwrap();
        assert_eq!(mode(&folder.path()), wanted);
        connect(&folder.path()).await.unwrap();
        drop(bound);
        assert!(!folder.path().exists());
    }
    let folder = Folder::new("mode-wrong");
    let error = BoundUnix::bind(&folder.path(), 8, Some(0o4755))
        .await
        .unwrap_err();
    assert!(
        error.is_config() && error.chain().to_string().contains("4755"),
        "{error}"
    );
    assert!(!folder.path().exists());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_abstract_name_has_no_file() {
    let name = PathBuf::from(format!("@aiomsg-{}-abstract", std::process::id()));
    let bound = BoundUnix::bind(&name, 8, None).await.unwrap();
    connect(&name).await.unwrap();
    assert!(!name.exists());
    let error = BoundUnix::bind(&name, 8, None).await.unwrap_err();
    assert!(in_use(&error), "{error}");
    drop(bound);
    assert!(connect(&name).await.unwrap_err().is_io());
    let error = BoundUnix::bind(&name, 8, Some(0o600)).await.unwrap_err();
    assert!(error.is_config(), "{error}");
}

#[tokio::test]
async fn what_is_wrong_with_a_path_is_named() {
    let folder = Folder::new("paths");
    let long = folder.0.join("x".repeat(LONGEST));
    let len = long.as_os_str().len().to_string();
    let limit = format!("at most {LONGEST}");
    fs::write(folder.path(), "precious").unwrap();
    let mut paths = vec![
        (PathBuf::new(), vec!["is empty"]),
        (folder.0.join("a\0b"), vec!["zero byte"]),
        (long, vec![len.as_str(), limit.as_str()]),
        (folder.0.clone(), vec!["is a directory"]),
        (folder.path(), vec!["not a socket"]),
        (folder.0.join("no/s"), vec!["no such file"]),
    ];
    if ABSTRACT {
        paths.push(("@".into(), vec!["is missing"]));
    }
    for (path, expected) in paths {
        let bound = BoundUnix::bind(&path, 8, None).await.unwrap_err();
        let connected = connect(&path).await.unwrap_err();
        for error in [bound, connected] {
            assert!(error.is_address() || error.is_io(), "{error}");
            for word in &expected {
                assert!(
                    error.chain().to_string().contains(word),
                    "{path:?}: {error}"
                );
            }
        }
    }
    assert_eq!(fs::read_to_string(folder.path()).unwrap(), "precious");
}

#[tokio::test]
async fn the_longest_path_is_bound() {
    let folder = Folder::new("longest");
    let fill = LONGEST - folder.0.as_os_str().len() - 1;
    let path = folder.0.join("x".repeat(fill));
    let _bound = BoundUnix::bind(&path, 8, None).await.unwrap();
    connect(&path).await.unwrap();
}

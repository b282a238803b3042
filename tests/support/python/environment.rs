//! Virtual environments with one package each.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What a machine needs for these tests; part of each message about a failure.
const NEEDED: &str = "The interoperability tests need `python3`, 3.11 or newer, with the venv \
                      module (apt-get install python3-venv), and the network, for pip to \
                      install packages from a package index.";

/// Fails on a Python that is too old, and says which one it is.
const CHECK_VERSION: &str = "import sys; v = sys.version_info; \
                             sys.exit(None if v >= (3, 11) else 'python3 is ' + sys.version)";

/// What a peer is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Package {
    /// The Python library.
    Aiomsg(Version),
    /// `websockets`, which knows WebSocket and nothing of aiomsg.
    WebSockets,
    /// `prometheus_client`, with the parser of its text format.
    PrometheusClient,
}

/// The versions of the Python library that we talk to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 2019.12.1, with the wire of 2019.
    V2019,
    /// 2026.7.1, with wire version 1.
    V2026,
}

/// The Python interpreter that has this package.
///
/// The first call makes the environment, which takes some seconds and blocks
/// the thread. Test binaries that ask at the same time wait for one another,
/// and later runs find the environment in the target directory.
///
/// # Panics
///
/// If the environment cannot be made. The text says what to install.
pub fn interpreter(package: impl Into<Package>) -> PathBuf {
    static V2019: OnceLock<PathBuf> = OnceLock::new();
    static V2026: OnceLock<PathBuf> = OnceLock::new();
    static WEBSOCKETS: OnceLock<PathBuf> = OnceLock::new();
    static PROMETHEUS_CLIENT: OnceLock<PathBuf> = OnceLock::new();

    let package = package.into();
    let cell = match package {
        Package::Aiomsg(Version::V2019) => &V2019,
        Package::Aiomsg(Version::V2026) => &V2026,
        Package::WebSockets => &WEBSOCKETS,
        Package::PrometheusClient => &PROMETHEUS_CLIENT,
    };
    cell.get_or_init(|| prepare(package)).clone()
}

// ===== impl Package =====

impl Package {
    /// The name and the version in the package index.
    pub(super) fn name_and_version(self) -> (&'static str, &'static str) {
        match self {
            Self::Aiomsg(version) => ("aiomsg", version.as_str()),
            Self::WebSockets => ("websockets", "17.4"),
            Self::PrometheusClient => ("prometheus_client", "0.26.0"),
        }
    }
}

impl From<Version> for Package {
    fn from(version: Version) -> Self {
        Self::Aiomsg(version)
    }
}

// ===== impl Version =====

impl Version {
    /// The version as the package index names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2019 => "2019.12.1",
            Self::V2026 => "2026.7.1",
        }
    }
}

fn prepare(package: Package) -> PathBuf {
    let (name, version) = package.name_and_version();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let venv = target.join(format!("venv-{name}-{version}"));
    let python = venv.join("bin/python");
    // Written last: an installation that was interrupted has no stamp.
    let stamp = venv.join("complete");

    fs::create_dir_all(target)
        .unwrap_or_else(|error| panic!("create {}: {error}", target.display()));

    // Beside the environment and not in it, because a half-made environment is
    // removed below. The lock is released when the file is dropped, even if
    // that is because this process died.
    let mut lock_path = venv.clone().into_os_string();
    lock_path.push(".lock");
    let lock_path = PathBuf::from(lock_path);
    let lock = File::create(&lock_path)
        .unwrap_or_else(|error| panic!("create {}: {error}", lock_path.display()));
    #[allow(
        clippy::incompatible_msrv,
        reason = "tests are for a current Rust; only what is published builds with the oldest"
    )]
    lock.lock()
        .unwrap_or_else(|error| panic!("lock {}: {error}", lock_path.display()));

    // The interpreter is a link to the system's: it goes stale when that one
    // is replaced by another version.
    if stamp.exists() && python.exists() {
        return python;
    }
    if venv.exists() {
        fs::remove_dir_all(&venv)
            .unwrap_or_else(|error| panic!("remove {}: {error}", venv.display()));
    }

    run(Command::new("python3").args(["-c", CHECK_VERSION]));
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--disable-pip-version-check"])
        .arg(format!("{name}=={version}")));
    File::create(&stamp).unwrap_or_else(|error| panic!("create {}: {error}", stamp.display()));
    python
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{NEEDED}\n{command:?} could not be started: {error}"));
    assert!(
        output.status.success(),
        "{NEEDED}\n{command:?} failed with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

//! Programs that run over a shim of the file system. See `shim.c`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use crate::common::folder;

/// The library, which is built once.
static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/shim.c");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = folder.join(format!("spool-shim-{}.so", std::process::id()));
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(source)
        .arg("-ldl")
        .status()
        .unwrap();
    assert!(built.success());
    // Others may build it too.
    let shared = folder.join("spool-shim.so");
    std::fs::rename(library, &shared).unwrap();
    shared
});

/// A folder for a program.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: folder() }
    }

    /// The folder whose files are recorded.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub(crate) fn trace(&self) -> PathBuf {
        self.folder.path().join("trace")
    }

    pub(crate) fn marks(&self) -> PathBuf {
        self.folder.path().join("marks")
    }

    /// The file that says what fails.
    pub(crate) fn faults(&self) -> PathBuf {
        self.folder.path().join("faults")
    }

    /// Starts a job of [`child`](crate::child) over the shim.
    pub(crate) fn start(&self, job: &str) -> Child {
        std::fs::create_dir_all(self.root()).unwrap();
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::does_its_job", "--nocapture"])
            .env("LD_PRELOAD", &*LIBRARY)
            .env("SHIM_ROOT", self.root())
            .env("SHIM_TRACE", self.trace())
            .env("SHIM_MARKS", self.marks())
            .env("SHIM_FAULTS", self.faults())
            .env(crate::child::JOB, job)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs a job to its end, which must be a good one.
    pub(crate) fn run(&self, job: &str) {
        let output = self.start(job).wait_with_output().unwrap();
        let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (out, error) = (said(&output.stdout), said(&output.stderr));
        assert!(output.status.success(), "{job}: {out}{error}");
    }
}

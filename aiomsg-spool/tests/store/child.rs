//! The jobs of processes that the tests start over the [`shim`](crate::shim).

use std::path::{Path, PathBuf};

/// The name of the variable that holds the job of this process.
pub(crate) const JOB: &str = "AIOMSG_SPOOL_JOB";

/// What a job needs of the shim.
pub(crate) struct Shim {
    pub(crate) root: PathBuf,
    pub(crate) marks: PathBuf,
    pub(crate) faults: PathBuf,
}

impl Shim {
    /// Has calls fail from now on. See `shim.c`.
    pub(crate) fn fail(&self, fault: &str) {
        // At once: the shim may read it at any moment.
        let new = self.faults.with_extension("new");
        std::fs::write(&new, fault).unwrap();
        std::fs::rename(new, &self.faults).unwrap();
    }

    pub(crate) fn heal(&self) {
        self.fail("");
    }

    /// Leaves room for so many bytes more than those of this folder.
    pub(crate) fn fill(&self, folder: &Path, room: u64) {
        let files = std::fs::read_dir(folder).unwrap();
        let used: u64 = files.map(|it| it.unwrap().metadata().unwrap().len()).sum();
        self.fail(&format!("quota {}", used + room));
    }
}

/// Nothing, in a process that was not started for a job.
#[tokio::test]
async fn does_its_job() {
    let Ok(job) = std::env::var(JOB) else { return };
    let path = |name| PathBuf::from(std::env::var_os(name).unwrap());
    let shim = Shim {
        root: path("SHIM_ROOT"),
        marks: path("SHIM_MARKS"),
        faults: path("SHIM_FAULTS"),
    };
    match job.split_once(' ') {
        Some(("power", kind)) => crate::power::child::run(&shim, kind).await,
        Some(("full", kind)) => crate::full::child(&shim, kind).await,
        Some(("hold", _)) => crate::killed::child(&shim).await,
        _ => panic!("no such job: {job}"),
    }
}

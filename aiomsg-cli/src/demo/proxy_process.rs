//! A spooled proxy in a process of its own, which can be killed.

use std::process::Stdio;

use aiomsg::Endpoint;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::consumer::DEADLINE;
use crate::common::failure::{Failure, Outcome};
use crate::common::said::said;

/// It is killed when this is dropped, and its folder is removed.
pub(super) struct ProxyProcess {
    running: Running,
    places: Places,
    // Removed behind the process.
    folder: TempDir,
}

struct Running {
    child: Child,
    /// It may write for as long as it runs.
    _output: BufReader<ChildStdout>,
}

/// Where both sides listen.
struct Places {
    frontend: Endpoint,
    backend: Endpoint,
}

impl ProxyProcess {
    pub(super) async fn start() -> Outcome<Self> {
        let folder = tempfile::Builder::new().prefix("aiomsg-demo-").tempdir();
        let folder = folder.map_err(|error| Failure::because(&error))?;
        // The system chooses the ports.
        let (running, places) = run(&folder, ["127.0.0.1:0", "127.0.0.1:0"]).await?;
        Ok(Self {
            running,
            places,
            folder,
        })
    }

    pub(super) fn frontend(&self) -> &Endpoint {
        &self.places.frontend
    }

    pub(super) fn backend(&self) -> &Endpoint {
        &self.places.backend
    }

    /// Kills it, which no code of it sees coming, and starts the next one on the same spool.
    pub(super) async fn kill_and_restart(&mut self) -> Outcome {
        let killed = self.running.child.kill().await;
        killed.map_err(|error| Failure::because(&error))?;
        let (frontend, backend) = (self.frontend().to_string(), self.backend().to_string());
        (self.running, self.places) = run(&self.folder, [&*frontend, &*backend]).await?;
        Ok(())
    }

    /// Ends it in good order.
    pub(super) async fn stop(mut self) -> Outcome {
        let child = &mut self.running.child;
        let failed = |error: std::io::Error| Failure::because(&error);
        terminate(child).map_err(failed)?;
        match timeout(2 * DEADLINE, child.wait()).await {
            Ok(ended) => match ended.map_err(failed)? {
                status if status.success() || cfg!(not(unix)) => Ok(()),
                status => Err(Failure::failed(format!("the proxy ended with {status}"))),
            },
            Err(_) => Err(Failure::failed("the proxy does not end")),
        }
    }
}

async fn run(folder: &TempDir, [frontend, backend]: [&str; 2]) -> Outcome<(Running, Places)> {
    let failed = |error: std::io::Error| {
        Failure::failed(format!("the proxy does not start: {}", said(&error)))
    };
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command
        .args([
            "proxy",
            "--frontend",
            frontend,
            "--backend",
            backend,
            "--spool",
        ])
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    let Some(output) = child.stdout.take() else {
        return Err(Failure::failed("the proxy has no output"));
    };
    let mut output = BufReader::new(output);
    let places = timeout(DEADLINE, places(&mut output)).await;
    let places = places.map_err(|_| Failure::failed("the proxy does not start"))??;
    let running = Running {
        child,
        _output: output,
    };
    Ok((running, places))
}

/// Reads where it listens.
async fn places(output: &mut BufReader<ChildStdout>) -> Outcome<Places> {
    let (mut frontend, mut backend) = (None, None);
    loop {
        let mut line = String::new();
        let read = output.read_line(&mut line).await;
        if read.map_err(|error| Failure::because(&error))? == 0 {
            return Err(Failure::failed("the proxy has ended"));
        }
        let place = |side: &str| {
            let rest = line.trim().strip_prefix(side)?;
            let place = rest.strip_prefix(": listening at ")?;
            place.parse::<Endpoint>().ok()
        };
        frontend = frontend.or_else(|| place("frontend"));
        backend = backend.or_else(|| place("backend"));
        if let (Some(frontend), Some(backend)) = (&frontend, &backend) {
            let (frontend, backend) = (frontend.clone(), backend.clone());
            return Ok(Places { frontend, backend });
        }
    }
}

/// Asks it to end.
#[cfg(unix)]
fn terminate(child: &mut Child) -> std::io::Result<()> {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    match child.id().and_then(|id| i32::try_from(id).ok()) {
        Some(id) => Ok(kill(Pid::from_raw(id), Signal::SIGTERM)?),
        // It has ended.
        None => Ok(()),
    }
}

#[cfg(not(unix))]
fn terminate(child: &mut Child) -> std::io::Result<()> {
    child.start_kill()
}

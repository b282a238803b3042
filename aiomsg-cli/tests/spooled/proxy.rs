//! The proxy, which comes back where it was.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::running::Running;
use crate::schedule::address;

/// Where it listens, and what it needs for that.
pub(crate) struct Place<'a> {
    folder: &'a Path,
    tls: bool,
    /// The store: a folder, or a stream of a server.
    spool: OsString,
    /// `HOST:PORT` for producers, and for consumers.
    pub(crate) frontend: String,
    pub(crate) backend: String,
}

impl<'a> Place<'a> {
    pub(crate) fn new(folder: &'a Path, tls: bool) -> Self {
        Self {
            folder,
            tls,
            spool: folder.join("proxy").into(),
            frontend: address(),
            backend: address(),
        }
    }

    /// With a store on a server.
    #[cfg(feature = "jetstream")]
    pub(crate) fn spool(mut self, url: String) -> Self {
        self.spool = url.into();
        self
    }

    fn is_on_a_server(&self) -> bool {
        !Path::new(&self.spool).is_absolute()
    }

    pub(crate) fn endpoint(&self, address: &str) -> String {
        match self.tls {
            true => format!("tls://{address}"),
            false => format!("tcp://{address}"),
        }
    }

    /// The folder of certificates, if there are any.
    pub(crate) fn certificates(&self) -> Option<&Path> {
        self.tls.then_some(self.folder)
    }
}

pub(crate) struct Proxy(Running);

impl Proxy {
    pub(crate) async fn start(place: &Place<'_>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aiomsg"));
        command.arg("proxy");
        for (side, address) in [("frontend", &place.frontend), ("backend", &place.backend)] {
            command.args([format!("--{side}"), place.endpoint(address)]);
            if let Some(folder) = place.certificates() {
                for (option, file) in [
                    ("cert", "proxy.cert"),
                    ("key", "proxy.key"),
                    ("trust", "peer.cert"),
                ] {
                    command.arg(format!("--{side}-{option}"));
                    command.arg(folder.join(file));
                }
            }
        }
        command.arg("--spool").arg(&place.spool);
        if place.is_on_a_server() {
            // A folder keeps one by itself.
            command.args(["--backend-identity", "the proxy's name"]);
        }
        // A message is set aside in no time that a test takes.
        command.args(["--ack-timeout", "1s", "--max-resends", "1000000"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let proxy = Running::start("the proxy", &mut command);
        let is_ready = |line: &String| line.starts_with("frontend: listening at ").then_some(());
        proxy
            .wait("its places", |output| {
                output.lines.iter().find_map(is_ready)
            })
            .await;
        Self(proxy)
    }

    /// No code of it runs any more.
    pub(crate) fn kill(mut self) {
        self.0.kill();
    }

    /// Ends it, with nothing left, unless a server has the store: that gives out again, later,
    /// what it has given to a proxy that was killed.
    pub(crate) async fn end_empty(mut self, place: &Place<'_>) {
        self.0.signals(&["TERM"]);
        let (status, output) = self.0.ended().await;
        let empty = output.lines.iter().any(|it| it == "  0 stay in the spool");
        assert!(
            status.success() && (empty || place.is_on_a_server()),
            "{status}: {output:?}"
        );
    }
}

//! A `nats-server` on a loopback port, which ends with this process.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use aiomsg_bench::{Failure, Parent};

/// A role ends by `exit`, or by force, so nothing in it can end the server. The
/// shell does, since its input ends with the role. It ignores an interrupt, which
/// is for the whole group, to live until then. It keeps no output open, so that
/// the end of the output is that of the server.
const SHELL: &str = "
PATH=$PATH:/usr/sbin:/sbin
command -v nats-server >/dev/null || exit 1
trap '' INT
nats-server --addr 127.0.0.1 --port -1 2>&1 &
echo \"process $!\"
exec >&-
read -r _
kill $!
wait
";

/// What the server says before its address.
const LISTENING: &str = "Listening for client connections on ";

pub(crate) struct NatsServer {
    shell: Child,
    address: String,
}

impl NatsServer {
    /// Starts a server, whose processor time counts as that of this process.
    pub(crate) fn start(parent: &Parent) -> Result<Self, Failure> {
        let shell = Command::new("sh")
            .args(["-c", SHELL])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut server = Self {
            shell,
            address: String::new(),
        };
        let output = server.shell.stdout.take();
        let output = output.ok_or_else(|| Failure::new("the server has no output"))?;
        let mut output = BufReader::new(output);
        let mut process = None;
        let mut line = String::new();
        while process.is_none() || server.address.is_empty() {
            line.clear();
            if output.read_line(&mut line)? == 0 {
                return Err(Failure::new("no nats-server has started: is it installed?"));
            }
            if let Some(id) = line.strip_prefix("process ") {
                process = Some(id.trim().parse()?);
            } else if let Some((_, address)) = line.split_once(LISTENING) {
                server.address = address.trim().to_owned();
            }
        }
        if let Some(process) = process {
            parent.helped_by(process);
        }
        // A server that cannot write what it has to say would stop.
        std::thread::spawn(move || io::copy(&mut output, &mut io::sink()));
        Ok(server)
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        // This closes the input of the shell first.
        let _ = self.shell.wait();
    }
}

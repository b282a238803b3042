//! The program to run.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use aiomsg::message::Headers;
use process_wrap::tokio::{ChildWrapper, CommandWrap};
#[cfg(unix)]
use process_wrap::tokio::{ProcessGroup, ResetSigmask};

use crate::common::failure::{Failure, Outcome};
use crate::common::said::said;

#[derive(Debug, Clone)]
pub(super) struct Program {
    path: PathBuf,
    args: Vec<OsString>,
}

impl Program {
    /// Looks for the first of these words, as a shell does.
    pub(super) fn find(words: &[OsString]) -> Outcome<Self> {
        let Some((name, args)) = words.split_first() else {
            return Err(Failure::usage(
                "no command to run is given: write it behind --, or as --shell 'TEXT'",
            ));
        };
        let path = which::which(name).map_err(|error| {
            Failure::usage(format!(
                "{}: the command cannot be run: {}; check its name and its mode, or use --shell \
                 for the syntax of a shell",
                name.display(),
                said(&error)
            ))
        })?;
        Ok(Self {
            path,
            args: args.to_vec(),
        })
    }

    /// The shell, with this text.
    pub(super) fn shell(text: &OsStr) -> Self {
        let (shell, flag) = match cfg!(windows) {
            true => ("cmd", "/C"),
            false => ("/bin/sh", "-c"),
        };
        Self {
            path: shell.into(),
            args: vec![flag.into(), text.to_owned()],
        }
    }

    /// Starts it with the headers of a request in its environment.
    pub(super) fn start(&self, headers: &Headers) -> io::Result<Running> {
        let mut command = CommandWrap::with_new(&self.path, |command| {
            // Those of a request that we ourselves are run for.
            for (name, _) in std::env::vars_os().filter(|(name, _)| is_variable(name)) {
                command.env_remove(name);
            }
            command
                .args(&self.args)
                .envs(variables(headers))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .kill_on_drop(true);
        });
        // In a group of its own, the interrupt key of a terminal ends us first, and all of
        // it can be killed. Our threads block signals, which it would inherit.
        #[cfg(unix)]
        command.wrap(ProcessGroup::leader()).wrap(ResetSigmask);
        Ok(Running {
            child: command.spawn()?,
            has_ended: false,
        })
    }
}

/// What the names of the variables begin with, so that none has another meaning.
const PREFIX: &str = "AIOMSG_HEADER_";

fn is_variable(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(PREFIX.as_bytes())
}

/// The variables of headers. Of several with one name, the first counts.
fn variables(headers: &Headers) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for (name, value) in headers {
        let name = name.to_ascii_uppercase().replace(['-', '.'], "_");
        let name = format!("{PREFIX}{name}");
        variables.entry(name).or_insert_with(|| value.to_owned());
    }
    variables
}

/// A program that runs. Dropping it kills it, with all that it has started.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) child: Box<dyn ChildWrapper>,
    has_ended: bool,
}

impl Running {
    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> io::Result<std::process::ExitStatus> {
        let status = self.child.wait().await;
        self.has_ended = true;
        status
    }

    /// Whether it has ended already, where its output has not: something that it started
    /// holds it. To be dropped right after that, which kills the rest of the group.
    pub(super) fn has_left_its_output(&mut self) -> bool {
        // The program alone. The group is not asked, since others of it may run on.
        matches!(self.child.inner_mut().try_wait(), Ok(Some(_)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After its end, its number may be that of another program.
        if !self.has_ended {
            let _ = self.child.start_kill();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_variable_that_means_nothing_else() {
        let mut headers = Headers::new();
        for (name, value) in [("path", "/tmp"), ("a-b.c", "1"), ("a.b-c", "2")] {
            headers.insert(name, value).unwrap();
        }
        let expected = [("AIOMSG_HEADER_A_B_C", "1"), ("AIOMSG_HEADER_PATH", "/tmp")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert!(variables(&headers).into_iter().eq(expected));
    }
}

//! A run of the command: a request goes in, and a reply comes out.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::pin::pin;
use std::process::ExitStatus;
use std::task::{Context, Poll};
use std::time::Duration;

use aiomsg::message::Headers;
use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;
use tower::Service;

use super::program::{Program, Running};

/// The most that a reply may have: a message, less the longest id before it.
pub(super) const MOST_OUTPUT: usize = aiomsg::parts::transport::codec::DEFAULT_MAX_MESSAGE - 64;

/// What is run for each request: a service from the request to the output.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) program: Program,
    pub(super) time_limit: Duration,
    pub(super) max_output: usize,
    /// The headers of the request that it is run for.
    pub(super) headers: Headers,
}

/// Why there is no reply.
#[derive(Debug)]
pub(super) enum Failed {
    Start(io::Error),
    Output(io::Error),
    Wait(io::Error),
    TooLong(usize),
    TooSlow(Duration),
    /// It has ended, and its output has not.
    Held(Duration),
    Code(ExitStatus),
}

impl Service<Bytes> for Job {
    type Response = Bytes;
    type Error = Failed;
    type Future = BoxFuture<'static, Result<Bytes, Failed>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Bytes) -> Self::Future {
        let job = self.clone();
        Box::pin(async move { job.run(request).await })
    }
}

impl Job {
    async fn run(&self, request: Bytes) -> Result<Bytes, Failed> {
        // When the time is up, the program is dropped, and so killed.
        let mut running = self.program.start(&self.headers).map_err(Failed::Start)?;
        let mut time_is_up = pin!(sleep(self.time_limit));
        let mut stdin = running.child.stdin().take();
        let stdout = running.child.stdout().take();
        // A program need not read all of it, and may go on after that. It may also close its
        // output first: the rest is written until it has ended.
        let mut writing = pin!(async {
            if let Some(stdin) = &mut stdin {
                let _ = stdin.write_all(&request).await;
            }
            drop(stdin);
            std::future::pending::<Infallible>().await
        });
        let mut output = Vec::new();
        let reading = async {
            let Some(stdout) = stdout else {
                return Ok(0);
            };
            // One byte more shows that there is more.
            let most = self.max_output as u64 + 1;
            stdout.take(most).read_to_end(&mut output).await
        };
        let read = tokio::select! {
            read = reading => read.map_err(Failed::Output)?,
            never = &mut writing => match never {},
            () = &mut time_is_up => return Err(self.unfinished(&mut running)),
        };
        if read > self.max_output {
            return Err(Failed::TooLong(self.max_output));
        }
        let status = tokio::select! {
            status = running.ended() => status.map_err(Failed::Wait)?,
            never = &mut writing => match never {},
            () = &mut time_is_up => return Err(Failed::TooSlow(self.time_limit)),
        };
        match status.success() {
            true => Ok(output.into()),
            false => Err(Failed::Code(status)),
        }
    }

    /// Why the output has not ended in time.
    fn unfinished(&self, running: &mut Running) -> Failed {
        match running.has_left_its_output() {
            true => Failed::Held(self.time_limit),
            false => Failed::TooSlow(self.time_limit),
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(_) => f.write_str("the command does not start"),
            Self::Output(_) => f.write_str("the output of the command cannot be read"),
            Self::Wait(_) => f.write_str("the end of the command cannot be seen"),
            Self::TooLong(most) => write!(
                f,
                "the command has written more than {most} bytes, and is killed; raise --max-output"
            ),
            Self::TooSlow(limit) => write!(
                f,
                "the command has not ended within {}, and is killed; raise --time-limit",
                humantime::format_duration(*limit)
            ),
            Self::Held(limit) => write!(
                f,
                "the command has ended, and a process that it started holds its output longer \
                 than {}, and is killed; redirect the output of that process",
                humantime::format_duration(*limit)
            ),
            // "exit status: 1", or "signal: 9 (SIGKILL)".
            Self::Code(status) => write!(f, "the command has failed with {status}"),
        }
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start(error) | Self::Output(error) | Self::Wait(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(all(test, unix))]
mod tests;

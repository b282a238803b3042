//! What is sent, and the options that all commands that send have.

use std::ffi::OsString;
use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::Args;

use super::cut::Cut;
use super::input::{Input, Source};
use super::summary::Summary;
use crate::common::failure::{Failure, Outcome};
use crate::common::headers::HeaderArgs;
use crate::common::print;
use crate::common::say::say;
use crate::common::socket::SocketArgs;
use crate::common::value::{Patience, Rate, Repeat, size};
use crate::common::wait::WaitArgs;

/// Peers, messages and pace.
#[derive(Debug, Args)]
pub(crate) struct SendingArgs {
    #[command(flatten)]
    pub(crate) socket: SocketArgs,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(super) headers: HeaderArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// Writes one object with the results to standard output.
    #[arg(long)]
    pub(super) json: bool,
    /// Shows no progress.
    #[arg(long, short)]
    pub(super) quiet: bool,
}

/// When messages are sent.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sending")]
pub(crate) struct PaceArgs {
    /// Sends at most this many messages in a time, such as 100/s, 30/m or 5/h.
    #[arg(long, value_name = "RATE")]
    pub(super) rate: Option<Rate>,
    /// The time to wait at the end for unsent and unacknowledged messages, or
    /// forever.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub(super) linger: Patience,
}

impl SendingArgs {
    /// Reports the results of a command that has succeeded.
    pub(super) fn tell(&self, summary: &Summary) -> Outcome {
        if self.json {
            return print::print_line(summary);
        }
        if !self.quiet {
            say(format_args!("sent {summary}"));
        }
        Ok(())
    }
}

/// The messages to send.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// Messages to send.
    #[arg(value_name = "TEXT", conflicts_with_all = ["file", "lines", "length_prefixed", "raw"])]
    texts: Vec<OsString>,
    /// Sends a file as one message, or in pieces with --chunk-size, --lines or
    /// --length-prefixed; - is standard input; may be repeated.
    #[arg(long, short, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Sends each line as a message, without its newline. The default for
    /// standard input.
    #[arg(long, short, group = "cut")]
    lines: bool,
    /// Reads the length of each message before it, in 4 bytes, big-endian.
    #[arg(long, group = "cut")]
    length_prefixed: bool,
    /// Sends bytes as they arrive, in pieces of --chunk-size at most.
    #[arg(long, group = "cut")]
    raw: bool,
    /// The size of a piece; implies --raw [default: 64KiB]
    #[arg(long, value_name = "SIZE", value_parser = size,
          conflicts_with_all = ["texts", "lines", "length_prefixed"])]
    chunk_size: Option<usize>,
    /// Sends this many messages at most.
    #[arg(long, short = 'n', value_name = "N")]
    count: Option<NonZeroU64>,
    /// Sends the texts or files this many times: a number, or forever.
    #[arg(long, value_name = "TIMES", default_value = "1")]
    repeat: Repeat,
}

impl InputArgs {
    /// Whether a signal has come where that is the end, and no failure.
    pub(crate) fn has_ended(&self, failure: &Failure) -> bool {
        failure.is_stop() && self.is_endless()
    }

    /// Whether it goes on until it is told to end.
    pub(crate) fn is_endless(&self) -> bool {
        self.repeat.0.is_none() && self.count.is_none()
    }

    /// The messages on the command line.
    pub(crate) fn texts(&self) -> &[OsString] {
        &self.texts
    }

    /// Whether a length stands before each message.
    pub(crate) fn is_length_prefixed(&self) -> bool {
        self.length_prefixed
    }

    /// The input, and its number of bytes, if that is known.
    pub(crate) fn open(&self) -> Outcome<(Input, Option<u64>)> {
        let cut = match self {
            Self { lines: true, .. } => Cut::Lines,
            Self {
                length_prefixed: true,
                ..
            } => Cut::LengthPrefixed,
            Self {
                raw, chunk_size, ..
            } if *raw || chunk_size.is_some() => Cut::pieces(chunk_size.unwrap_or(64 << 10))?,
            Self { file, .. } if !file.is_empty() => Cut::Whole,
            _ => Cut::Lines,
        };
        let source = match (self.texts.is_empty(), self.file.is_empty()) {
            (false, _) => Source::Texts(self.texts.clone()),
            (true, false) => Source::Files(self.file.clone()),
            (true, true) => Source::Stdin,
        };
        source.check(cut, self.repeat)?;
        let total = match self.count {
            None => source.bytes(self.repeat),
            Some(_) => None,
        };
        let input = Input::start(source, cut, self.repeat, self.count)?;
        Ok((input, total))
    }
}

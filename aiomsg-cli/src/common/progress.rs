//! How far it is: a bar on a terminal, and now and then a line elsewhere.

use super::say::say;
use std::io::IsTerminal;
use std::time::Duration;

use bytesize::ByteSize;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

/// Counts the work done, and shows it on standard error.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Nowhere,
    Bar(ProgressBar),
    Lines { last: Instant, messages: u64 },
}

/// The time between two lines.
const PAUSE: Duration = Duration::from_secs(5);

impl Progress {
    pub(crate) fn new(what: &'static str, total: Option<u64>, quiet: bool) -> Self {
        let shown = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Shown::Nowhere,
            (false, true) => Shown::Bar(bar(total)),
            (false, false) => Shown::Lines {
                last: Instant::now(),
                messages: 0,
            },
        };
        Self {
            what,
            messages: 0,
            bytes: 0,
            shown,
        }
    }

    pub(crate) fn add(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }

    /// Shows it on a terminal only, for work that may go on for days.
    #[must_use]
    pub(crate) fn without_lines(mut self) -> Self {
        if let Shown::Lines { .. } = self.shown {
            self.shown = Shown::Nowhere;
        }
        self
    }

    /// Shows how far it is, if it is time to.
    pub(crate) fn show(&mut self) {
        match &mut self.shown {
            Shown::Nowhere => {}
            Shown::Bar(bar) => {
                bar.set_position(self.bytes);
                bar.set_message(format!("{} {} messages", self.what, self.messages));
            }
            Shown::Lines { last, messages } => {
                if last.elapsed() >= PAUSE && *messages != self.messages {
                    *last = Instant::now();
                    *messages = self.messages;
                    let size = ByteSize::b(self.bytes).display().iec();
                    say(format_args!(
                        "{} {} messages, {size}",
                        self.what, self.messages
                    ));
                }
            }
        }
    }

    /// Leaves the terminal as it was.
    pub(crate) fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let (template, bar) = match total {
        Some(total) => (
            "{bar:30} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} {msg}",
            ProgressBar::new(total),
        ),
        None => (
            "{spinner} {bytes} {binary_bytes_per_sec} {elapsed} {msg}",
            ProgressBar::new_spinner(),
        ),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

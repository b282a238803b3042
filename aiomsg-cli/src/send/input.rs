//! Reading what is to be sent, on a thread of its own: a read that waits for
//! somebody to type must hold up nothing else.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::thread;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::cut::{Cut, MAX, too_long_whole};
use crate::common::failure::{Failure, Outcome};
use crate::common::value::Repeat;

/// Where messages come from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Texts(Vec<OsString>),
    Files(Vec<PathBuf>),
    Stdin,
}

/// The messages, some at a time.
#[derive(Debug)]
pub(super) struct Input(mpsc::Receiver<Outcome<Vec<Bytes>>>);

/// As much is handed over at once, and twice as much waits, or one larger
/// message each.
const BATCH_BYTES: usize = 64 << 10;
const BATCH_ITEMS: usize = 1024;
const BATCHES: usize = 2;

impl Source {
    /// Refuses what cannot be sent, before anybody is connected.
    pub(super) fn check(&self, cut: Cut, repeat: Repeat) -> Outcome {
        let once = repeat == Repeat(NonZeroU64::new(1));
        let files = match self {
            Self::Files(files) => files.as_slice(),
            Self::Stdin if !once => {
                return Err(Failure::usage(
                    "--repeat: standard input can be read only once; give texts, or --file FILE",
                ));
            }
            Self::Texts(_) | Self::Stdin => &[],
        };
        for file in files {
            if is_stdin(file) {
                if !once {
                    return Err(Failure::usage("--repeat: - can be read only once"));
                }
                continue;
            }
            let info = file.metadata().map_err(|error| wrong(file, &error))?;
            if info.is_dir() {
                return Err(Failure::usage(format!(
                    "{}: is a directory",
                    file.display()
                )));
            }
            if !info.is_file() {
                // A pipe is opened once: whoever writes to it would take it for its end.
                continue;
            }
            File::open(file).map_err(|error| wrong(file, &error))?;
            if cut == Cut::Whole && info.len() > MAX as u64 {
                let error = too_long_whole(&info.len().to_string());
                return Err(wrong(file, &error));
            }
        }
        Ok(())
    }

    /// How many bytes there are, if all are in files of a known length.
    pub(super) fn bytes(&self, Repeat(times): Repeat) -> Option<u64> {
        let Self::Files(files) = self else {
            return None;
        };
        let sizes = files.iter().map(|file| {
            let info = file.metadata().ok()?;
            info.is_file().then_some(info.len())
        });
        let once = sizes.sum::<Option<u64>>()?;
        once.checked_mul(times?.get())
    }
}

fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

fn wrong(file: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("{}: {error}", file.display()))
}

impl Input {
    pub(super) fn start(
        source: Source,
        cut: Cut,
        repeat: Repeat,
        count: Option<NonZeroU64>,
    ) -> Outcome<Self> {
        let (to, from) = mpsc::channel(BATCHES);
        let mut reading = Reading {
            to,
            batch: Vec::new(),
            bytes: 0,
            read: 0,
            left: count.map(NonZeroU64::get),
        };
        let thread = thread::Builder::new().name("input".to_owned());
        let started = thread.spawn(move || {
            if let Err(End::Failed(failure)) = reading.all(&source, cut, repeat) {
                // What was read before it is sent all the same.
                if reading.hand_over().is_ok() {
                    let _ = reading.to.blocking_send(Err(failure));
                }
            }
        });
        match started {
            Ok(_) => Ok(Self(from)),
            Err(error) => Err(Failure::failed(format!(
                "no thread can be started: {error}"
            ))),
        }
    }

    /// The next messages, `None` when all were read. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Outcome<Vec<Bytes>>> {
        self.0.recv().await
    }
}

// ===== Reading =====

struct Reading {
    to: mpsc::Sender<Outcome<Vec<Bytes>>>,
    batch: Vec<Bytes>,
    bytes: usize,
    /// How many were read in all.
    read: u64,
    /// How many more are to be sent.
    left: Option<u64>,
}

/// Why reading ends before the end.
enum End {
    /// There are as many as were asked for, or nobody wants more.
    Enough,
    Failed(Failure),
}

impl Reading {
    fn all(&mut self, source: &Source, cut: Cut, Repeat(times): Repeat) -> Result<(), End> {
        let mut done = 0;
        while times.is_none_or(|times| done < times.get()) {
            done += 1;
            let before = self.read;
            match source {
                Source::Texts(texts) => {
                    for text in texts {
                        self.add(Bytes::copy_from_slice(text.as_encoded_bytes()))?;
                    }
                }
                Source::Files(files) => {
                    for file in files {
                        self.file(file, cut)?;
                    }
                }
                Source::Stdin => self.stdin(cut)?,
            }
            if self.read == before {
                // Nor will there be anything the next time, and nobody would be told.
                return match times {
                    Some(_) => self.hand_over(),
                    None => Err(End::Failed(Failure::usage(
                        "--repeat: there is nothing to repeat: the input is empty",
                    ))),
                };
            }
        }
        self.hand_over()
    }

    fn file(&mut self, file: &Path, cut: Cut) -> Result<(), End> {
        if is_stdin(file) {
            return self.stdin(cut);
        }
        let failed = |error| End::Failed(wrong(file, &error));
        let opened = File::open(file).map_err(failed)?;
        self.read(Box::new(opened), cut).map_err(|end| end.of(file))
    }

    fn stdin(&mut self, cut: Cut) -> Result<(), End> {
        let read = self.read(Box::new(io::stdin()), cut);
        read.map_err(|end| end.of(Path::new("standard input")))
    }

    fn read(&mut self, from: Box<dyn Read + Send>, cut: Cut) -> Result<(), ReadEnd> {
        let mut reader = cut.reader(from);
        while let Some(message) = cut.next(&mut reader).map_err(ReadEnd::Failed)? {
            self.add(message).map_err(|_| ReadEnd::Enough)?;
            if cut == Cut::Whole {
                break;
            }
            if !cut.is_at_hand(&reader) {
                self.hand_over().map_err(|_| ReadEnd::Enough)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, message: Bytes) -> Result<(), End> {
        self.bytes += message.len();
        self.read += 1;
        self.batch.push(message);
        if let Some(left) = &mut self.left {
            *left -= 1;
            if *left == 0 {
                self.hand_over()?;
                return Err(End::Enough);
            }
        }
        match self.bytes >= BATCH_BYTES || self.batch.len() >= BATCH_ITEMS {
            true => self.hand_over(),
            false => Ok(()),
        }
    }

    fn hand_over(&mut self) -> Result<(), End> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        self.to.blocking_send(Ok(batch)).map_err(|_| End::Enough)
    }
}

/// The same, where the name of what is read is not known yet.
enum ReadEnd {
    Enough,
    Failed(io::Error),
}

impl ReadEnd {
    fn of(self, file: &Path) -> End {
        match self {
            Self::Enough => End::Enough,
            Self::Failed(error) => End::Failed(wrong(file, &error)),
        }
    }
}

//! Reads the input on a thread of its own: a read that waits for a terminal must hold
//! up nothing else.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::cut::{Cut, MAX, Next, Reader, skip_line, too_long_whole};
use crate::common::failure::{Failure, Outcome};
use crate::common::said::said;
use crate::common::value::Repeat;

/// Where messages come from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Texts(Vec<OsString>),
    Files(Vec<PathBuf>),
    Stdin,
}

/// The input.
#[derive(Debug)]
pub(crate) enum Read {
    /// Some messages.
    Messages(Vec<Bytes>),
    /// Something to tell while it is read.
    Note(String),
    /// Something that cannot be sent. It costs nothing but itself.
    Refused(Failure),
}

/// The messages, some at a time.
#[derive(Debug)]
pub(crate) struct Input {
    from: mpsc::Receiver<Outcome<Read>>,
    /// The messages that were read, and those of them that were taken.
    read: Arc<AtomicU64>,
    taken: u64,
}

/// As much is handed over at once, and twice as much waits, or one larger
/// message each.
const BATCH_BYTES: usize = 64 << 10;
const BATCH_ITEMS: usize = 1024;
const BATCHES: usize = 2;

impl Source {
    /// Refuses input that cannot be sent, before any peer is connected.
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
                // A pipe is opened once: its writer would take a second opening for its end.
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
    Failure::usage(format!("{}: {}", file.display(), said(error)))
}

impl Input {
    /// Each of these texts, once.
    #[cfg(test)]
    pub(crate) fn of_texts(texts: Vec<OsString>) -> Outcome<Self> {
        let once = Repeat(NonZeroU64::new(1));
        Self::start(Source::Texts(texts), Cut::Whole, once, None)
    }

    pub(super) fn start(
        source: Source,
        cut: Cut,
        repeat: Repeat,
        count: Option<NonZeroU64>,
    ) -> Outcome<Self> {
        let (to, from) = mpsc::channel(BATCHES);
        let read = Arc::new(AtomicU64::new(0));
        let mut reading = Reading {
            to,
            batch: Vec::new(),
            bytes: 0,
            read: Arc::clone(&read),
            left: count.map(NonZeroU64::get),
        };
        let thread = thread::Builder::new().name("input".to_owned());
        let started = thread.spawn(move || {
            if let Err(End::Failed(failure)) = reading.all(&source, cut, repeat) {
                // Messages that were read before it are sent all the same.
                let _ = reading.tell(Err(failure));
            }
        });
        match started {
            Ok(_) => Ok(Self {
                from,
                read,
                taken: 0,
            }),
            Err(error) => Err(Failure::failed(format!(
                "no thread can be started: {}",
                said(&error)
            ))),
        }
    }

    /// The next message, or `None` at the end. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Outcome<Read>> {
        let next = self.from.recv().await;
        if let Some(Ok(Read::Messages(messages))) = &next {
            self.taken += messages.len() as u64;
        }
        next
    }

    /// Ends the reading, and returns the number of messages that were read and not taken.
    pub(crate) fn end(&mut self) -> u64 {
        self.from.close();
        self.read.load(Ordering::Relaxed).saturating_sub(self.taken)
    }
}

// ===== Reading =====

struct Reading {
    to: mpsc::Sender<Outcome<Read>>,
    batch: Vec<Bytes>,
    bytes: usize,
    /// How many were read in all.
    read: Arc<AtomicU64>,
    /// How many more are to be sent.
    left: Option<u64>,
}

/// Why reading ends before the end.
enum End {
    /// The count is reached, or the receiver has ended.
    Enough,
    Failed(Failure),
}

impl Reading {
    fn all(&mut self, source: &Source, cut: Cut, Repeat(times): Repeat) -> Result<(), End> {
        let mut done = 0;
        while times.is_none_or(|times| done < times.get()) {
            done += 1;
            let before = self.messages();
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
            if self.messages() == before {
                // Nor will there be anything the next time, and nobody would be told.
                return match times {
                    Some(_) => self.hand_over(),
                    None => Err(End::Failed(Failure::usage(
                        "--repeat: there is nothing to repeat: the input has no message in it",
                    ))),
                };
            }
        }
        self.hand_over()
    }

    fn messages(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    fn file(&mut self, file: &Path, cut: Cut) -> Result<(), End> {
        if is_stdin(file) {
            return self.stdin(cut);
        }
        match File::open(file) {
            Ok(opened) => self.read(file, Box::new(opened), cut),
            Err(error) => self.refuse(wrong(file, &error)),
        }
    }

    fn stdin(&mut self, cut: Cut) -> Result<(), End> {
        self.read(Path::new("standard input"), Box::new(io::stdin()), cut)
    }

    /// Reads it to its end, or to where it cannot be read. That costs nothing of
    /// what else there is to be read.
    fn read(&mut self, file: &Path, from: Box<dyn io::Read + Send>, cut: Cut) -> Result<(), End> {
        let mut reader = cut.reader(from);
        let mut number = 0;
        loop {
            number += 1;
            match cut.next(&mut reader) {
                Ok(Next::Message(message)) => self.add(message)?,
                Ok(Next::TooLong(read)) => self.skip(file, number, read, &mut reader)?,
                Ok(Next::End) => return Ok(()),
                Err(error) => return self.refuse(wrong(file, &error)),
            }
            if cut == Cut::Whole {
                return Ok(());
            }
            if !cut.is_at_hand(&reader) {
                self.hand_over()?;
            }
        }
    }

    /// Skips the rest of a line that is too long, of which this many bytes were read.
    fn skip(
        &mut self,
        file: &Path,
        number: u64,
        read: u64,
        reader: &mut Reader,
    ) -> Result<(), End> {
        let at = format!("{}, line {number}", file.display());
        // Its end may be long in coming, or never come.
        self.tell(Ok(Read::Note(format!(
            "{at}: it is longer than a message may be, and is skipped to its end; use --raw for \
             bytes that are no lines"
        ))))?;
        let refused = match skip_line(reader) {
            Ok(rest) => Failure::failed(format!(
                "{at}: it has {} bytes, and a message has at most {MAX} (64 MiB)",
                read + rest
            )),
            Err(error) => wrong(file, &error),
        };
        self.refuse(refused)
    }

    fn refuse(&mut self, why: Failure) -> Result<(), End> {
        self.tell(Ok(Read::Refused(why)))
    }

    fn add(&mut self, message: Bytes) -> Result<(), End> {
        self.bytes += message.len();
        self.read.fetch_add(1, Ordering::Relaxed);
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
        self.give(Ok(Read::Messages(batch)))
    }

    /// Passes it on behind the messages before it.
    fn tell(&mut self, what: Outcome<Read>) -> Result<(), End> {
        self.hand_over()?;
        self.give(what)
    }

    fn give(&self, what: Outcome<Read>) -> Result<(), End> {
        self.to.blocking_send(what).map_err(|_| End::Enough)
    }
}

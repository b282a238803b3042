//! The record of what a program did to its files.

use std::ops::Range;
use std::path::{Path, PathBuf};

pub(crate) struct Trace {
    bytes: Vec<u8>,
    pub(crate) events: Vec<Event>,
}

#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A file, or a folder, was made.
    Made {
        node: u64,
        path: PathBuf,
        is_folder: bool,
    },
    /// A folder was opened.
    Folder {
        node: u64,
        path: PathBuf,
    },
    Write {
        node: u64,
        offset: usize,
        data: Range<usize>,
    },
    /// The length of a file was set.
    Length {
        node: u64,
        length: usize,
    },
    Sync {
        node: u64,
    },
    Removed {
        path: PathBuf,
    },
    Mark(Mark),
}

/// What a program says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It is about to append these messages.
    Append(Range<u64>),
    /// These messages are appended.
    Appended(Range<u64>),
    /// It is about to delete a message.
    Done(u64),
    /// It is about to set a message aside.
    Dead(u64),
    /// It has waited for a sync.
    Waited,
}

impl Trace {
    pub(crate) fn read(path: &Path, root: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let mut events = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let number = |from| {
                let bytes: [u8; 8] = bytes[at + from..at + from + 8].try_into().unwrap();
                u64::from_ne_bytes(bytes)
            };
            let (node, offset, length) = (number(1), number(9), number(17));
            let data = at + 25..at + 25 + usize::try_from(length).unwrap();
            let text = String::from_utf8_lossy(&bytes[data.clone()]);
            let path = || Path::new(&*text).strip_prefix(root).unwrap().to_owned();
            let place = usize::try_from(offset).unwrap();
            match bytes[at] {
                b'c' => events.push(Event::Made {
                    node,
                    path: path(),
                    is_folder: offset == 1,
                }),
                b'd' => events.push(Event::Folder { node, path: path() }),
                b'w' => events.push(Event::Write {
                    node,
                    offset: place,
                    data: data.clone(),
                }),
                b't' => events.push(Event::Length {
                    node,
                    length: place,
                }),
                b's' => events.push(Event::Sync { node }),
                b'u' => events.push(Event::Removed { path: path() }),
                b'm' => events.extend(text.lines().map(|it| Event::Mark(Mark::read(it)))),
                other => panic!("no such event: {other}"),
            }
            at = data.end;
        }
        Self { bytes, events }
    }

    pub(crate) fn data(&self, range: &Range<usize>) -> &[u8] {
        &self.bytes[range.clone()]
    }
}

impl Mark {
    fn read(line: &str) -> Self {
        let words: Vec<_> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        match words[0] {
            "append" => Self::Append(number(1)..number(2)),
            "appended" => Self::Appended(number(1)..number(2)),
            "done" => Self::Done(number(1)),
            "dead" => Self::Dead(number(1)),
            "waited" => Self::Waited,
            other => panic!("no such mark: {other}"),
        }
    }

    pub(crate) fn line(&self) -> String {
        match self {
            Self::Append(range) => format!("append {} {}\n", range.start, range.end),
            Self::Appended(range) => format!("appended {} {}\n", range.start, range.end),
            Self::Done(number) => format!("done {number}\n"),
            Self::Dead(number) => format!("dead {number}\n"),
            Self::Waited => "waited\n".to_owned(),
        }
    }
}

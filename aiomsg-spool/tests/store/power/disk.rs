//! A disk, and what is on it after a power cut.
//!
//! What was synced is there: the bytes and the length of a file with its own sync, the names
//! in a folder with that of the folder. Of what was not synced, any part may be there: each
//! write, each sector of it, each change of a length and each name for itself.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::trace::{Event, Trace};

const SECTOR: usize = 512;

#[derive(Default)]
pub(crate) struct Disk {
    /// The files and folders that ever were.
    files: Vec<File>,
    /// Which of them has a node now.
    nodes: HashMap<u64, usize>,
    names: BTreeMap<PathBuf, Name>,
}

#[derive(Default)]
struct File {
    folder: Option<PathBuf>,
    synced: Vec<u8>,
    changes: Vec<Change>,
}

enum Change {
    Write { offset: usize, data: Range<usize> },
    Length(usize),
}

/// The file that has a name.
#[derive(Default)]
struct Name {
    synced: Option<usize>,
    changes: Vec<Option<usize>>,
}

/// How much of what was not synced is there.
#[derive(Clone, Copy)]
struct Luck {
    names: f64,
    writes: f64,
    torn: f64,
}

impl Disk {
    pub(crate) fn apply(&mut self, event: &Event, trace: &Trace) {
        match event {
            Event::Made {
                node,
                path,
                is_folder,
            } => {
                self.nodes.insert(*node, self.files.len());
                let name = self.names.entry(path.clone()).or_default();
                name.changes.push(Some(self.files.len()));
                self.files.push(File {
                    folder: is_folder.then(|| path.clone()),
                    ..File::default()
                });
            }
            Event::Folder { node, path } if !self.nodes.contains_key(node) => {
                self.nodes.insert(*node, self.files.len());
                self.files.push(File {
                    folder: Some(path.clone()),
                    ..File::default()
                });
            }
            Event::Write { node, offset, data } => {
                let (offset, data) = (*offset, data.clone());
                self.file(*node)
                    .changes
                    .push(Change::Write { offset, data });
            }
            Event::Length { node, length } => {
                self.file(*node).changes.push(Change::Length(*length));
            }
            Event::Sync { node } => self.sync(*node, trace),
            Event::Removed { path } => {
                let name = self.names.entry(path.clone()).or_default();
                name.changes.push(None);
            }
            Event::Folder { .. } | Event::Mark(_) => {}
        }
    }

    fn file(&mut self, node: u64) -> &mut File {
        &mut self.files[self.nodes[&node]]
    }

    fn sync(&mut self, node: u64, trace: &Trace) {
        let file = self.file(node);
        for change in std::mem::take(&mut file.changes) {
            change.apply(&mut file.synced, trace, |_| true);
        }
        let Some(folder) = file.folder.clone() else {
            return;
        };
        for (path, name) in &mut self.names {
            if path.parent() == Some(&folder)
                && let Some(last) = name.changes.pop()
            {
                name.synced = last;
                name.changes.clear();
            }
        }
    }

    /// Whether this node is the file of this name.
    pub(crate) fn is(&self, node: u64, name: &str) -> bool {
        let file = self.nodes.get(&node);
        let now = |it: &Name| it.changes.last().copied().unwrap_or(it.synced);
        let mut names = self.names.iter();
        names.any(|(path, it)| path.ends_with(name) && now(it).as_ref() == file)
    }

    /// Writes down what is there after a power cut.
    pub(crate) fn cut(&self, rng: &mut fastrand::Rng, trace: &Trace, folder: &Path) {
        let share = |rng: &mut fastrand::Rng| match rng.u8(0..4) {
            0 => 0.0,
            1 => 1.0,
            _ => rng.f64(),
        };
        let luck = Luck {
            names: share(rng),
            writes: share(rng),
            torn: if rng.bool() { rng.f64() } else { 0.0 },
        };
        // Folders come before what is in them.
        for (path, name) in &self.names {
            let there = folder.join(path);
            let kept = name.changes.iter().take_while(|_| rng.f64() < luck.names);
            let file = kept.last().copied().unwrap_or(name.synced);
            let Some(file) = file.map(|it| &self.files[it]) else {
                continue;
            };
            if !there.parent().unwrap().is_dir() {
                continue;
            }
            match &file.folder {
                Some(_) => std::fs::create_dir(there).unwrap(),
                // The index of the log is not on the disk at all.
                None if path.to_string_lossy().ends_with("-shm") => {}
                None => std::fs::write(there, file.after_cut(rng, luck, trace)).unwrap(),
            }
        }
    }
}

impl File {
    fn after_cut(&self, rng: &mut fastrand::Rng, luck: Luck, trace: &Trace) -> Vec<u8> {
        let mut content = self.synced.clone();
        for change in &self.changes {
            let is_torn = rng.f64() < luck.torn;
            if is_torn {
                change.apply(&mut content, trace, |_| rng.bool());
            } else if rng.f64() < luck.writes {
                change.apply(&mut content, trace, |_| true);
            } else if rng.bool() {
                // The length of the file, and not its bytes.
                change.apply(&mut content, trace, |_| false);
            }
        }
        content
    }
}

impl Change {
    /// Applies the change, as far as sectors are kept.
    fn apply(&self, content: &mut Vec<u8>, trace: &Trace, mut keeps: impl FnMut(usize) -> bool) {
        match self {
            Self::Length(length) => {
                if keeps(0) {
                    content.resize(*length, 0);
                }
            }
            Self::Write { offset, data } => {
                let data = trace.data(data);
                let end = offset + data.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                let mut at = *offset;
                while at < end {
                    let next = ((at / SECTOR + 1) * SECTOR).min(end);
                    if keeps(at) {
                        content[at..next].copy_from_slice(&data[at - offset..next - offset]);
                    }
                    at = next;
                }
            }
        }
    }
}

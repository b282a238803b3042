//! The places of keys in a file, for errors.

use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

/// A file, and the places of its keys.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    path: PathBuf,
    keys: Vec<Key>,
}

#[derive(Debug, Clone, PartialEq)]
struct Key {
    /// With its tables, as `frontend.tls.cert`.
    name: String,
    line: usize,
    /// From the key to the end of its value.
    span: Range<usize>,
}

impl Source {
    pub(super) fn new(path: &Path, text: &str) -> Self {
        let mut keys = Vec::new();
        // A file that is broken further down still has the keys above.
        let (table, _) = DeTable::parse_recoverable(text);
        collect(text, "", table.get_ref(), &mut keys);
        Self {
            path: path.to_owned(),
            keys,
        }
    }

    /// Names the place of an error of the parser, and the key there.
    pub(super) fn parser_error(&self, text: &str, error: &toml::de::Error) -> String {
        let span = error.span().unwrap_or_default();
        let line = line(text, span.start);
        let here = |key: &&Key| key.span.contains(&span.start) || key.span.start == span.start;
        let inner = self
            .keys
            .iter()
            .filter(here)
            .max_by_key(|key| key.name.len());
        let what = one_line(error.message());
        match inner {
            Some(key) => format!("{}:{line}: {}: {what}", self.path.display(), key.name),
            None => match text.get(span).filter(|it| is_key(it)) {
                Some(key) => format!("{}:{line}: {key}: {what}", self.path.display()),
                None => format!("{}:{line}: {what}", self.path.display()),
            },
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|it| it.name == key)
    }

    /// Names the place of a key, or that of its table, or else the file.
    pub(crate) fn error(&self, key: &str, what: impl Display) -> String {
        let path = self.path.display();
        let mut name = key;
        loop {
            if let Some(found) = self.keys.iter().find(|it| it.name == name) {
                return format!("{path}:{}: {key}: {what}", found.line);
            }
            match name.rsplit_once('.') {
                Some((table, _)) => name = table,
                None => return format!("{path}: {key}: {what}"),
            }
        }
    }

    /// The folder of the file, to which paths in it are relative.
    pub(super) fn folder(&self) -> PathBuf {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        match folder.as_os_str().as_encoded_bytes().starts_with(b"@") {
            // A Unix socket in it would have an abstract name.
            true => Path::new(".").join(folder),
            false => folder.to_owned(),
        }
    }
}

fn collect(text: &str, table: &str, keys: &DeTable<'_>, all: &mut Vec<Key>) {
    for (key, value) in keys {
        let name = match table {
            "" => key.get_ref().to_string(),
            table => format!("{table}.{}", key.get_ref()),
        };
        let start = key.span().start;
        if let DeValue::Table(inner) = value.get_ref() {
            collect(text, &name, inner, all);
        }
        all.push(Key {
            name,
            line: line(text, start),
            span: start..value.span().end.max(key.span().end),
        });
    }
}

fn is_key(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.bytes().all(is_part)
}

/// The line of a byte, counted from 1.
fn line(text: &str, at: usize) -> usize {
    let before = &text.as_bytes()[..at.min(text.len())];
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// One line: the parser adds what it expected on another.
fn one_line(message: &str) -> String {
    let lines = message
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(", ")
}

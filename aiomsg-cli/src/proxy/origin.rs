//! Where settings were made: an error about one names it as it is known there.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::file::source::Source;
use crate::common::naming::Naming;

/// The file, if there is one, and the settings that were made on the command line.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Origin {
    file: Option<Arc<Source>>,
    /// By their keys.
    flags: Arc<BTreeSet<String>>,
}

/// How the error about one setting names others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    in_file: bool,
}

impl Origin {
    pub(super) fn new(file: Option<Arc<Source>>, flags: BTreeSet<String>) -> Self {
        Self {
            file,
            flags: Arc::new(flags),
        }
    }

    /// An error about the setting with this key: with its flag if it was made on the
    /// command line or there is no file, and else with the file, the line and the key.
    pub(super) fn error(&self, key: &str, what: impl FnOnce(Names) -> String) -> String {
        let what = what(self.names(key));
        match self.file_of(key) {
            Some(file) => file.error(&self.key_in(file, key), what),
            None => format!("{}: {what}", flag(key)),
        }
    }

    /// How an error about the setting with this key names others.
    pub(super) fn names(&self, key: &str) -> Names {
        Names {
            in_file: self.file_of(key).is_some(),
        }
    }

    /// The file, unless the command line makes this setting.
    fn file_of(&self, key: &str) -> Option<&Source> {
        let by_flag = self.flags.contains(&common(key));
        self.file.as_deref().filter(|_| !by_flag)
    }

    /// A limit of one side may be that of both.
    fn key_in(&self, file: &Source, key: &str) -> String {
        let common = common(key);
        match !file.has(key) && file.has(&common) {
            true => common,
            false => key.to_owned(),
        }
    }
}

impl Names {
    pub(super) fn of(self, key: &str) -> String {
        match self.in_file {
            true => key.to_owned(),
            false => flag(key),
        }
    }

    pub(super) fn side(self, side: &'static str) -> Naming {
        match self.in_file {
            true => Naming::SideKeys(side),
            false => Naming::SideFlags(side),
        }
    }
}

/// The key as the command line can set it: a limit for both sides at once.
fn common(key: &str) -> String {
    match key.split_once(".limits.") {
        Some((_, limit)) => format!("limits.{limit}"),
        None => key.to_owned(),
    }
}

/// The flag for a key.
fn flag(key: &str) -> String {
    let common = common(key);
    let name = match common.split_once('.') {
        Some(("limits" | "observe", name)) => name.to_owned(),
        Some(("spool", "folder")) => "spool".to_owned(),
        Some((side, "bind")) => side.to_owned(),
        Some((side, name)) => format!("{side}-{}", name.strip_prefix("tls.").unwrap_or(name)),
        None => common,
    };
    format!("--{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_flag() {
        for (key, expected) in [
            ("mode", "--mode"),
            ("frontend.bind", "--frontend"),
            ("backend.connect", "--backend-connect"),
            ("frontend.tls.server-name", "--frontend-server-name"),
            ("frontend.peer-identity", "--frontend-peer-identity"),
            ("backend.limits.queue-bytes", "--queue-bytes"),
            ("observe.allow-host", "--allow-host"),
            ("spool.folder", "--spool"),
            ("spool.max-age", "--spool-max-age"),
        ] {
            assert_eq!(flag(key), expected);
        }
    }
}

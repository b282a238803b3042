//! The settings of the spool, on the command line and in the file.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use aiomsg::builder::Overflow;
use aiomsg_spool::{Spool, SpoolBuilder, SpoolError, SyncPolicy};
use clap::Args;
use serde::de::{self, Deserialize, Deserializer};

use super::server;
use crate::common::text::{Size, Time};

/// Where messages outlive the proxy.
#[derive(Debug, Clone, Default, PartialEq, Args, serde::Deserialize)]
#[command(next_help_heading = "Spool")]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct SpoolArgs {
    /// Stores messages in this folder until a consumer has acknowledged them, and
    /// acknowledges a message to its producer when it is stored. Consumers may be away
    /// for days, and a restart continues where the proxy was. Or on NATS servers with
    /// JetStream, as nats://HOST:PORT/STREAM.
    #[arg(long = "spool", value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// When a message counts as stored: always, when it survives a power cut;
    /// interval=TIME, or interval for 100ms, when it survives the end of the proxy,
    /// and a power cut after that time at most; os, when it survives the end of the
    /// proxy [default: always]
    #[arg(long = "spool-sync", value_name = "WHEN", requires = "folder")]
    sync: Option<SyncArg>,
    /// The bytes of stored messages; beyond it, --overflow says what happens
    /// [default: 16GiB]
    #[arg(long = "spool-max-bytes", value_name = "SIZE", requires = "folder")]
    max_bytes: Option<Size>,
    /// The stored messages [default: 2^40]
    #[arg(long = "spool-max-messages", value_name = "COUNT", requires = "folder")]
    max_messages: Option<u64>,
    /// The time after which a stored message is set aside [default: never]
    #[arg(long = "spool-max-age", value_name = "TIME", requires = "folder")]
    max_age: Option<Time>,
    /// The number of times that a message may fail before it is set aside; each is
    /// as many tries as --max-resends says [default: 5]
    #[arg(long = "spool-max-tries", value_name = "COUNT", requires = "folder")]
    max_tries: Option<u32>,
}

/// When a message counts as stored.
#[derive(Debug, Clone, Copy, PartialEq)]
struct SyncArg(SyncPolicy);

/// The time of `interval` alone.
const INTERVAL: Duration = Duration::from_millis(100);

/// The most messages on their way to consumers.
const WINDOW: usize = 8192;

impl FromStr for SyncArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text.split_once('=') {
            None if text == "always" => SyncPolicy::Always,
            None if text == "os" => SyncPolicy::Os,
            None if text == "interval" => SyncPolicy::Interval(INTERVAL),
            Some(("interval", time)) => SyncPolicy::Interval(time.parse::<Time>()?.0),
            _ => {
                return Err(format!(
                    "\"{text}\" is not \"always\", \"interval=100ms\" or \"os\""
                ));
            }
        }))
    }
}

impl<'de> Deserialize<'de> for SyncArg {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = SyncArg;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("text in quotes, such as \"always\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SyncArg, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl SpoolArgs {
    /// The keys of the settings that are made.
    pub(crate) fn given(&self) -> impl Iterator<Item = String> {
        let given = [
            ("folder", self.folder.is_some()),
            ("sync", self.sync.is_some()),
            ("max-bytes", self.max_bytes.is_some()),
            ("max-messages", self.max_messages.is_some()),
            ("max-age", self.max_age.is_some()),
            ("max-tries", self.max_tries.is_some()),
        ];
        let given = given.into_iter().filter(|(_, is_given)| *is_given);
        given.map(|(key, _)| format!("spool.{key}"))
    }

    /// These, and where they say nothing, others.
    pub(crate) fn or(&self, others: Self) -> Self {
        Self {
            folder: self.folder.clone().or(others.folder),
            sync: self.sync.or(others.sync),
            max_bytes: self.max_bytes.or(others.max_bytes),
            max_messages: self.max_messages.or(others.max_messages),
            max_age: self.max_age.or(others.max_age),
            max_tries: self.max_tries.or(others.max_tries),
        }
    }

    /// Makes the path relative to this folder.
    pub(crate) fn set_folder(&mut self, folder: &Path) {
        if let Some(own) = &mut self.folder
            && !is_url(own)
        {
            *own = folder.join(&*own);
        }
    }

    /// The folder. `None`: there is no spool.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Names a setting that cannot work, and says why.
    pub(crate) fn check(&self) -> Result<(), (String, String)> {
        let Some(folder) = &self.folder else {
            return match self.given().next() {
                Some(key) => Err((key, "it is of no use without a folder".to_owned())),
                None => Ok(()),
            };
        };
        if is_url(folder) {
            server::check(folder).map_err(|what| ("spool.folder".to_owned(), what))?;
            if self.sync.is_some() {
                let what = "when a message is on the disk is for the server to say (sync_interval)";
                return Err(("spool.sync".to_owned(), what.to_owned()));
            }
        }
        let zero = [
            ("max-bytes", self.max_bytes.is_some_and(|it| it.0 == 0)),
            ("max-messages", self.max_messages == Some(0)),
            ("max-age", self.max_age.is_some_and(|it| it.0.is_zero())),
            ("max-tries", self.max_tries == Some(0)),
        ];
        match zero.into_iter().find(|(_, is_zero)| *is_zero) {
            Some((key, _)) => Err((
                format!("spool.{key}"),
                "0 leaves no room: expected at least 1".to_owned(),
            )),
            None => Ok(()),
        }
    }

    /// Opens the spool.
    pub(super) async fn open(&self, overflow: Overflow) -> Result<Option<Spool>, SpoolError> {
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        let builder = self.builder(overflow);
        match is_url(folder) {
            true => server::open(builder, folder).await.map(Some),
            false => builder.open(folder).await.map(Some),
        }
    }

    /// A spool with these settings.
    fn builder(&self, overflow: Overflow) -> SpoolBuilder {
        let mut builder = Spool::builder().overflow(overflow);
        if let Some(SyncArg(sync)) = self.sync {
            builder = builder.sync(sync);
        }
        if let Some(Size(bytes)) = self.max_bytes {
            builder = builder.max_bytes(bytes as u64);
        }
        if let Some(messages) = self.max_messages {
            // What is on its way to consumers is not dropped for newer messages.
            let window = usize::try_from(messages / 2).unwrap_or(usize::MAX);
            builder = builder.max_messages(messages).window(window.min(WINDOW));
        }
        if let Some(Time(age)) = self.max_age {
            builder = builder.max_age(age);
        }
        if let Some(tries) = self.max_tries {
            builder = builder.max_tries(tries);
        }
        builder
    }
}

/// Whether this names a server, and no folder.
pub(super) fn is_url(folder: &Path) -> bool {
    folder.to_string_lossy().contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_syncing_are_read() {
        for (text, sync) in [
            ("always", SyncPolicy::Always),
            ("os", SyncPolicy::Os),
            ("interval", SyncPolicy::Interval(INTERVAL)),
            ("interval=2s", SyncPolicy::Interval(Duration::from_secs(2))),
        ] {
            assert_eq!(text.parse(), Ok(SyncArg(sync)), "{text}");
        }
        for text in ["", "never", "os=1s", "interval=", "interval=soon"] {
            assert!(text.parse::<SyncArg>().is_err(), "{text}");
        }
    }
}

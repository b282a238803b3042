//! The settings in a file.

pub(super) mod source;

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use aiomsg::{Endpoint, Identity};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::args::{AtLeastOnceArg, ModeArg, endpoint};
use super::limits::Limits;
use super::spool::SpoolArgs;
use crate::common::failure::{Failure, Outcome};
use crate::common::identity;
use crate::common::peer_identities::PeerIdentity;
use crate::common::said::said;
use crate::common::socket::DialectArg;
use crate::common::text::Time;
use crate::common::tls::TlsFiles;
use crate::common::websocket;
use crate::http::address::{self, HttpAddress};
use source::Source;

/// All that a file can say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct File {
    pub(super) mode: Option<ModeArg>,
    pub(super) replies: Option<bool>,
    pub(super) at_least_once: Option<AtLeastOnceArg>,
    pub(super) in_flight: Option<usize>,
    pub(super) drain_deadline: Option<Time>,
    pub(super) frontend: SideTable,
    pub(super) backend: SideTable,
    pub(super) observe: ObserveTable,
    pub(super) spool: SpoolArgs,
    pub(super) limits: Limits,
    /// The places of all this. `None`: there is no file.
    #[serde(skip)]
    pub(super) source: Option<Arc<Source>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SideTable {
    pub(super) bind: Vec<EndpointText>,
    pub(super) connect: Vec<EndpointText>,
    pub(super) connect_all: Vec<EndpointText>,
    pub(super) identity: Option<IdentityText>,
    pub(super) dialect: Option<DialectText>,
    pub(super) tls: TlsFiles,
    pub(super) peer_identity: Vec<PeerIdentityText>,
    pub(super) peer_identity_by_name: Option<bool>,
    pub(super) websocket: Option<bool>,
    pub(super) websocket_origin: Vec<String>,
    pub(super) websocket_path: Option<String>,
    pub(super) websocket_header: Vec<HeaderText>,
    pub(super) limits: Limits,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ObserveTable {
    pub(super) metrics: Option<AddressText>,
    pub(super) dashboard: Option<AddressText>,
    pub(super) allow_control: Option<bool>,
    pub(super) allow_host: Option<Vec<String>>,
    pub(super) ready_consumers: Option<usize>,
}

/// A type whose value is text in a file, read as on the command line.
macro_rules! text {
    ($name:ident, $type:ty, $parse:expr) => {
        #[derive(Debug, Clone)]
        pub(super) struct $name(pub(super) $type);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text($parse)).map(Self)
            }
        }
    };
}

/// Reads text within the visit, which is when the reader knows where it is.
struct Text<T>(fn(&str) -> Result<T, String>);

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text in quotes")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        self.0(text).map_err(E::custom)
    }
}

text!(EndpointText, Endpoint, endpoint);
text!(IdentityText, Identity, identity::parse);
text!(PeerIdentityText, PeerIdentity, str::parse);
text!(AddressText, HttpAddress, address::parse);
text!(DialectText, DialectArg, dialect);
text!(HeaderText, (String, String), websocket::header);

fn dialect(text: &str) -> Result<DialectArg, String> {
    let found = <DialectArg as clap::ValueEnum>::from_str(text, false);
    found.map_err(|_| format!("\"{text}\" is not a dialect: expected any, v1 or 2019"))
}

/// The most bytes of a file.
const LARGEST: u64 = 1 << 20;

impl File {
    /// Reads a file. An error names the line and the key.
    ///
    /// Paths in the file are relative to its folder.
    pub(super) fn read(path: &Path) -> Outcome<Self> {
        let wrong = |what: String| Failure::usage(format!("{}: {what}", path.display()));
        let mut text = String::new();
        // A device has no end, and a reload is not to end a proxy that runs.
        std::fs::File::open(path)
            .and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text))
            .map_err(|error| wrong(format!("the file cannot be read: {}", said(&error))))?;
        if text.len() as u64 > LARGEST {
            return Err(wrong(format!(
                "the file has more than {LARGEST} bytes (1 MiB), and is no file of settings"
            )));
        }
        Self::parse(path, &text).map_err(Failure::usage)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, String> {
        let source = Source::new(path, text);
        let mut file: Self =
            toml::from_str(text).map_err(|error| source.parser_error(text, &error))?;
        let folder = source.folder();
        file.frontend.set_folder(&folder);
        file.backend.set_folder(&folder);
        file.spool.set_folder(&folder);
        file.source = Some(Arc::new(source));
        Ok(file)
    }
}

impl SideTable {
    /// Makes paths relative to this folder.
    fn set_folder(&mut self, folder: &Path) {
        self.tls.set_folder(folder);
        for EndpointText(endpoint) in self.bind.iter_mut().chain(&mut self.connect) {
            // Another name than that of a file has no folder.
            if let Endpoint::Unix { path } = endpoint
                && !path.as_os_str().as_encoded_bytes().starts_with(b"@")
            {
                *path = folder.join(&*path);
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! The names of settings in errors and advice: flags on the command line, keys in a file.

/// Where a reader is to make a setting, and so by which name it is known there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// The flags of a command with one socket: `--cert`.
    Flags,
    /// The flags of a side of the proxy, by its name: `--frontend-cert`.
    SideFlags(&'static str),
    /// The keys of a side of the proxy in its file: `frontend.tls.cert`.
    SideKeys(&'static str),
}

impl Naming {
    /// The name of a setting of TLS.
    pub(crate) fn tls(self, setting: &str) -> String {
        match self {
            Self::Flags => format!("--{setting}"),
            Self::SideFlags(side) => format!("--{side}-{setting}"),
            Self::SideKeys(side) => format!("{side}.tls.{setting}"),
        }
    }

    /// The name of another setting of a socket.
    pub(crate) fn socket(self, setting: &str) -> String {
        match self {
            Self::SideKeys(side) => format!("{side}.{setting}"),
            flags => flags.tls(setting),
        }
    }
}

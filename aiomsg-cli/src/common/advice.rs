//! Advice about errors.

use std::io;

use aiomsg::parts::vocabulary::error::Remedy;
use aiomsg::{Endpoint, Error, ErrorKind};

use std::borrow::Cow;

use super::failure::Failure;
use super::naming::Naming;
use super::said::said;

/// What to do about an error of connecting or binding, where that can be said.
pub(crate) fn advice(error: &Error) -> Option<Cow<'static, str>> {
    match setting(error, Naming::Flags) {
        Some(setting) => Some(setting.into()),
        None => by_kind(error).map(Cow::Borrowed),
    }
}

fn by_kind(error: &Error) -> Option<&'static str> {
    let is_file = matches!(error.endpoint(), Some(Endpoint::Unix { .. }));
    match error.io().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => {
            return Some("start what is to listen there, or check the address");
        }
        Some(io::ErrorKind::NotFound) => {
            return Some("check the path, and that what is to listen there is started");
        }
        Some(io::ErrorKind::AddrInUse) if is_file => {
            return Some("end what listens there already, or choose another path");
        }
        Some(io::ErrorKind::AddrInUse) => {
            return Some("end what listens there already, or choose another port");
        }
        Some(io::ErrorKind::AddrNotAvailable) => {
            return Some("choose an address of this machine, or 0.0.0.0 for all of them");
        }
        Some(io::ErrorKind::PermissionDenied) if is_file => {
            return Some("choose a path that this user may use, or see --unix-mode there");
        }
        Some(io::ErrorKind::PermissionDenied) => {
            return Some("choose a place that this user may use, or a port above 1023");
        }
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            return Some("check the address and the network");
        }
        _ => {}
    }
    Some(match error.kind() {
        ErrorKind::Address if is_file => "choose another path",
        ErrorKind::Address => "check the spelling of the name",
        ErrorKind::Timeout => "check the address, and firewalls on the way",
        ErrorKind::Tls => {
            "check tls:// or tcp://, --pin, --trust and --server-name, and --cert and --key where \
             the peer demands a certificate"
        }
        ErrorKind::Version => "try --dialect any",
        ErrorKind::Protocol | ErrorKind::TooLarge => {
            "check that aiomsg listens there, with tcp:// or tls:// as here"
        }
        ErrorKind::IdentityInUse => "choose another --identity, or leave it out",
        _ => return None,
    })
}

/// The setting that may mend an error, where the library names a method.
fn setting(error: &Error, naming: Naming) -> Option<String> {
    let name = |setting| naming.tls(setting);
    Some(match error.remedy()? {
        Remedy::Tls => format!(
            "set {} or {}, or {} and {}",
            name("pin"),
            name("trust"),
            name("cert"),
            name("key")
        ),
        Remedy::Certificate => format!(
            "set one with {} and {}, or check tls:// or tcp://",
            name("cert"),
            name("key")
        ),
        Remedy::Trust => format!(
            "give the peer's certificate with {}, or its issuer's with {}",
            name("pin"),
            name("trust")
        ),
        Remedy::ServerName => format!("set the name that it has with {}", name("server-name")),
        _ => return None,
    })
}

/// The text of an error, with the setting that may mend it.
pub(crate) fn with_setting(error: &Error, naming: Naming) -> String {
    match setting(error, naming) {
        Some(setting) => format!("{}; {setting}", said(error)),
        None => said(error).to_string(),
    }
}

/// The error of connecting or binding as the end of a command.
pub(crate) fn with_advice(error: &Error) -> Failure {
    failure(
        error,
        match advice(error) {
            Some(advice) => format!("{}; {advice}", said(error)),
            None => said(error).to_string(),
        },
    )
}

fn failure(error: &Error, text: String) -> Failure {
    // The settings come from the command line.
    match error.is_config() {
        true => Failure::usage(text),
        false => Failure::failed(text),
    }
}

/// Any other error: no more is advised than the option that it lacks.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        failure(&error, with_setting(&error, Naming::Flags))
    }
}

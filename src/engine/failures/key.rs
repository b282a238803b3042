//! Which failures are of the same kind.

use aiomsg_core::{DropReason, Endpoint, Error, ErrorKind};

use super::FailureKind;

/// The kind and the place of a failure. Peers choose no part of it but the text of a
/// handler's reason, and few of these are counted apart, so strangers cause a bounded number of
/// log lines.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) kind: FailureKind,
    pub(super) class: Class,
    pub(super) endpoint: Option<Endpoint>,
}

/// The nature of the reason, so that a frequent one does not hide another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Class {
    Error(ErrorKind),
    Dropped(DropReason),
    /// The peer left half-way through its handshake.
    Left,
    /// The errors of handlers are of one kind, so their text tells them apart.
    Text(Option<String>),
}

impl Key {
    pub(super) fn dial(endpoint: &Endpoint, error: &Error) -> Self {
        Self {
            kind: FailureKind::Dial,
            class: Class::Error(error.kind()),
            endpoint: Some(endpoint.clone()),
        }
    }

    pub(super) fn accept(endpoint: &Endpoint, has_peer: bool, error: &Error) -> Self {
        let kind = match error.kind() {
            _ if !has_peer => FailureKind::Accept,
            ErrorKind::IdentityInUse
            | ErrorKind::IdentityRefused
            | ErrorKind::Limit
            | ErrorKind::Layer => FailureKind::Refused,
            _ if is_about_certificates(error) || is_refused_upgrade(error) => FailureKind::Refused,
            _ => FailureKind::Handshake,
        };
        Self {
            kind,
            class: Class::Error(error.kind()),
            endpoint: Some(endpoint.clone()),
        }
    }

    pub(super) fn left(endpoint: &Endpoint) -> Self {
        Self {
            kind: FailureKind::Handshake,
            class: Class::Left,
            endpoint: Some(endpoint.clone()),
        }
    }

    pub(super) fn dropped(reason: DropReason) -> Self {
        Self {
            kind: FailureKind::Dropped,
            class: Class::Dropped(reason),
            endpoint: None,
        }
    }

    pub(super) fn handler(reason: Option<String>) -> Self {
        Self {
            kind: FailureKind::Handler,
            class: Class::Text(reason),
            endpoint: None,
        }
    }
}

#[cfg(feature = "tls")]
fn is_about_certificates(error: &Error) -> bool {
    aiomsg_transport::tls::is_about_certificates(error)
}

#[cfg(not(feature = "tls"))]
fn is_about_certificates(_: &Error) -> bool {
    false
}

#[cfg(feature = "websocket")]
fn is_refused_upgrade(error: &Error) -> bool {
    aiomsg_transport::websocket::is_refused(error)
}

#[cfg(not(feature = "websocket"))]
fn is_refused_upgrade(_: &Error) -> bool {
    false
}

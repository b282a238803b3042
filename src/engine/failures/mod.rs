//! The failures of a socket: counted by kind, logged with their reason, and shown.

mod key;
mod leaving;

use std::cmp::Reverse;
use std::time::Duration;

use aiomsg_core::{DropReason, Endpoint, Error, Identity};
use aiomsg_layers::reasons::{Line, Reasons};
use aiomsg_layers::shared::catch;
use aiomsg_transport::RemoteAddr;
use tracing::field::display;

use super::events::say;
use key::{Class, Key};
use leaving::Leaving;

/// Different failures that are counted apart. A socket with more endpoints than this has one
/// line a minute for the others.
const MOST: usize = 1024;

/// Different reasons of handlers that are counted apart. Some programs put a number into each
/// text: these have one line a minute for the others.
const MOST_TEXTS: usize = 16;

/// The longest text of a reason in bytes. A peer chooses some parts of it, such as the names
/// in its certificate.
const LONGEST: usize = 1000;

/// How long nobody may listen at a dialled endpoint before that is worth a warning: peers start
/// in any order. Peers may leave half-way through their handshakes for as long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The failures of one kind and place, as [`Socket::failures`](crate::Socket::failures) returns
/// them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What failed.
    pub kind: FailureKind,
    /// The dialled or bound endpoint, for failures of connections.
    pub endpoint: Option<Endpoint>,
    /// The peer of the last message, or the address of the last refused connection, if it is
    /// known. An identity is shortened as in the log.
    pub peer: Option<String>,
    /// The reason of the last failure: text for people, which may change in any version.
    pub reason: String,
    /// The number of failures so far.
    pub count: u64,
    /// The time since the last one.
    pub ago: Duration,
}

/// What failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// A try to connect. The socket tries again.
    Dial,
    /// Accepting itself, for example for want of file descriptors.
    Accept,
    /// An incoming connection was refused: for its certificate, its identity, or a limit.
    Refused,
    /// An incoming connection failed before the peer had sent its identity.
    Handshake,
    /// A message was dropped.
    Dropped,
    /// A layer of the receive path, or the handler, refused a message or failed on it.
    Handler,
}

impl FailureKind {
    /// Returns a short name that stays the same, for programs.
    ///
    /// ```
    /// assert_eq!(aiomsg::stats::FailureKind::Dial.name(), "dial");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Dial => "dial",
            Self::Accept => "accept",
            Self::Refused => "refused",
            Self::Handshake => "handshake",
            Self::Dropped => "dropped",
            Self::Handler => "handler",
        }
    }
}

/// One failure. It holds no error, whose destructor may be a user's.
#[derive(Debug, Clone)]
struct Last {
    /// `None` if the kind says it all.
    reason: Option<String>,
    peer: Option<Identity>,
    remote: Option<RemoteAddr>,
    retry_in: Option<Duration>,
}

/// Counts and logs the failures of a socket.
#[derive(Debug, Clone)]
pub(super) struct Failures {
    all: Reasons<Key, Last>,
    /// Apart, so that their texts take no room of the others.
    handlers: Reasons<Key, Last>,
    leaving: Leaving,
}

impl Failures {
    pub(super) fn new() -> Self {
        Self {
            all: Reasons::new(MOST),
            handlers: Reasons::new(MOST_TEXTS),
            leaving: Leaving::default(),
        }
    }

    /// `unheard` is how long nobody has listened there, if that is the reason.
    pub(super) fn dial(
        &self,
        endpoint: &Endpoint,
        error: &Error,
        retry_in: Duration,
        unheard: Option<Duration>,
    ) {
        let last = Last {
            retry_in: Some(retry_in),
            ..Last::of(error)
        };
        let pressing = unheard.is_none_or(|time| time >= PATIENCE);
        note(&self.all, Key::dial(endpoint, error), last, pressing);
    }

    pub(super) fn accept(&self, endpoint: &Endpoint, remote: Option<&RemoteAddr>, error: &Error) {
        let last = Last {
            remote: remote.cloned(),
            ..Last::of(error)
        };
        let key = Key::accept(endpoint, remote.is_some(), error);
        note(&self.all, key, last, true);
    }

    /// The peer has left half-way through its handshake.
    pub(super) fn left(&self, endpoint: &Endpoint, remote: Option<&RemoteAddr>, error: &Error) {
        let last = Last {
            remote: remote.cloned(),
            ..Last::of(error)
        };
        let pressing = self.leaving.note(endpoint);
        note(&self.all, Key::left(endpoint), last, pressing);
    }

    pub(super) fn dropped(&self, peer: Option<&Identity>, reason: DropReason) {
        let last = Last {
            reason: None,
            peer: peer.cloned(),
            remote: None,
            retry_in: None,
        };
        note(&self.all, Key::dropped(reason), last, true);
    }

    pub(super) fn handler(&self, peer: &Identity, error: &Error) {
        let last = Last {
            peer: Some(peer.clone()),
            ..Last::of(error)
        };
        note(
            &self.handlers,
            Key::handler(last.reason.clone()),
            last,
            true,
        );
    }

    /// Logs the failures that were only counted, each minute.
    pub(super) async fn run(self) {
        tokio::select! {
            never = self.all.each_due(log) => match never {},
            never = self.handlers.each_due(log) => match never {},
        }
    }

    /// Logs those that were only counted since the last lines: the socket ends.
    pub(super) fn end(&self) {
        let rest = [self.all.rest(), self.handlers.rest()];
        rest.iter().flatten().for_each(log);
    }

    /// Returns all, the latest first.
    pub(super) fn recent(&self) -> Vec<Failure> {
        let mut recent = self.all.recent();
        recent.extend(self.handlers.recent());
        recent.sort_by_key(|it| Reverse(it.at));
        recent
            .into_iter()
            .map(|it| Failure {
                kind: it.kind.kind,
                peer: it.last.who(),
                reason: it.last.reason(&it.kind),
                endpoint: it.kind.endpoint,
                count: it.count,
                ago: it.at.elapsed(),
            })
            .collect()
    }
}

impl Last {
    fn of(error: &Error) -> Self {
        // The sources of the error may be a user's.
        let text = catch("the text of an error", || error.chain().to_string());
        let text = text.unwrap_or_else(|panicked| panicked.to_string());
        Self {
            reason: Some(cut(&text)),
            peer: None,
            remote: None,
            retry_in: None,
        }
    }

    fn who(&self) -> Option<String> {
        let remote = || self.remote.as_ref().map(ToString::to_string);
        let peer = self.peer.as_ref().map(|peer| peer.short().to_string());
        peer.or_else(remote)
    }

    fn reason(&self, key: &Key) -> String {
        match (&self.reason, &key.class) {
            (Some(reason), _) => reason.clone(),
            (None, Class::Dropped(reason)) => reason.to_string(),
            (None, Class::Error(_) | Class::Left | Class::Text(_)) => String::new(),
        }
    }
}

fn note(reasons: &Reasons<Key, Last>, key: Key, last: Last, pressing: bool) {
    if let Some(line) = reasons.note(key, last, pressing) {
        log(&line);
    }
}

/// One line of a bounded length.
fn cut(text: &str) -> String {
    let mut cut = String::with_capacity(text.len().min(LONGEST));
    for char in text.chars() {
        if cut.len() >= LONGEST {
            cut.push('…');
            break;
        }
        match char.is_control() {
            true => cut.extend(char.escape_default()),
            false => cut.push(char),
        }
    }
    cut
}

/// Logs a line: the last failure, and in `more` how many there were since the line before.
fn log(line: &Line<Key, Last>) {
    let (key, last) = (&line.kind, &line.last);
    let more = (line.more > 0).then_some(line.more);
    let endpoint = key.endpoint.as_ref().map(display);
    let (peer, reason) = (last.who(), last.reason(key));
    let peer = peer.as_ref().map(display);
    say(|| match key.kind {
        FailureKind::Dial => {
            let retry_in = last.retry_in.unwrap_or_default();
            if line.pressing {
                tracing::warn!(endpoint, %reason, ?retry_in, more, "could not connect, will try again");
            } else {
                tracing::info!(
                    endpoint,
                    %reason,
                    ?retry_in,
                    more,
                    "nobody listens there yet, will try again"
                );
            }
        }
        FailureKind::Accept => {
            tracing::warn!(endpoint, %reason, more, "could not accept connections");
        }
        FailureKind::Refused => {
            tracing::warn!(endpoint, remote = peer, %reason, more, "a peer was refused");
        }
        FailureKind::Handshake if !line.pressing => {
            tracing::info!(endpoint, remote = peer, %reason, more, "a peer left in its handshake");
        }
        FailureKind::Handshake => {
            tracing::warn!(endpoint, remote = peer, %reason, more, "a handshake failed");
        }
        FailureKind::Dropped => tracing::warn!(peer, %reason, more, "a message was dropped"),
        FailureKind::Handler => {
            tracing::warn!(peer, %reason, more, "a received message was not handled");
        }
    });
}

#[cfg(test)]
mod tests;

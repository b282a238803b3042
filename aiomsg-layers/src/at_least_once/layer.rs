use std::time::Duration;

use aiomsg_core::{Discard, Limits};
use tower::Layer;

use super::{AtLeastOnce, Resender, Settings, Unacked};
use crate::time::bounded;

/// Puts [`AtLeastOnce`] around a service of messages.
///
/// ```
/// use aiomsg_core::Discard;
/// use aiomsg_layers::at_least_once::Settings;
/// use aiomsg_layers::{AcknowledgeLayer, AtLeastOnceLayer};
/// use std::time::Duration;
///
/// let settings = Settings::new().timeout(Duration::from_secs(2)).max_resends(3);
/// let discard = Discard::new(|lost| eprintln!("dropped: {}", lost.reason));
/// let layer = AtLeastOnceLayer::with_settings(settings, discard);
/// // Each connection reports its sent and its acknowledged messages.
/// let connection_layer = AcknowledgeLayer::new().unacked(layer.unacked());
/// ```
#[derive(Debug, Clone)]
pub struct AtLeastOnceLayer {
    unacked: Unacked,
}

impl AtLeastOnceLayer {
    /// The default time for an acknowledgement: 5 s (wire document, "v1").
    pub const TIMEOUT: Duration = Duration::from_secs(5);

    /// The default number of resends: 5 (wire document, "v1").
    pub const MAX_RESENDS: u32 = 5;

    /// The default bound on unacknowledged messages: 65,536 messages or 64 MiB.
    pub const LIMITS: Limits = Limits {
        items: 65_536,
        bytes: 64 << 20,
    };

    /// At-least-once with default settings. Dropped messages go to `discard`.
    pub fn new(discard: Discard) -> Self {
        Self::with_settings(Settings::new(), discard)
    }

    /// At-least-once with these settings. Dropped messages go to `discard`.
    pub fn with_settings(settings: Settings, discard: Discard) -> Self {
        let settings = settings.timeout(bounded(settings.timeout));
        Self {
            unacked: Unacked::new(settings, discard),
        }
    }

    /// The unacknowledged messages.
    pub fn unacked(&self) -> Unacked {
        self.unacked.clone()
    }

    /// Takes messages that layers further in drop. This layer forgets them, so that they are
    /// not sent again, and passes them to its own `discard`.
    pub fn discard(&self) -> Discard {
        let (unacked, discard) = (self.unacked.clone(), self.unacked.discard());
        Discard::new(move |given_up| {
            let (message, reason) = (given_up.message, given_up.reason);
            let id = message.id();
            if id.is_none_or(|id| unacked.give_up(id, &message, reason)) {
                discard.message(message, reason);
            }
        })
    }

    /// The future that resends due messages, through a service of its own. It must be run, and
    /// ends when [`Unacked::close`] is called.
    pub fn resender<S>(&self, service: S) -> Resender<S> {
        Resender::new(self.unacked.clone(), service)
    }
}

impl<S> Layer<S> for AtLeastOnceLayer {
    type Service = AtLeastOnce<S>;

    fn layer(&self, inner: S) -> AtLeastOnce<S> {
        AtLeastOnce::new(inner, self.unacked.clone())
    }
}

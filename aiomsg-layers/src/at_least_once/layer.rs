use std::time::Duration;

use aiomsg_core::{Discard, Limits};
use tower::Layer;

use super::{AtLeastOnce, Resender, Settings, Unacked};
use crate::time::bounded;

/// Puts [`AtLeastOnce`] around a service of messages.
///
/// ```
/// use aiomsg_core::Discard;
/// use aiomsg_layers::{AcknowledgeLayer, AtLeastOnceLayer};
/// use std::time::Duration;
///
/// let layer = AtLeastOnceLayer::new(Discard::new(|lost| {
///     eprintln!("given up: {}", lost.reason);
/// }))
/// .timeout(Duration::from_secs(2))
/// .max_resends(3);
/// // Each connection tells it what was sent and what was acknowledged.
/// let connection_layer = AcknowledgeLayer::new().unacked(layer.unacked());
/// ```
#[derive(Debug, Clone)]
pub struct AtLeastOnceLayer {
    unacked: Unacked,
}

impl AtLeastOnceLayer {
    /// How long an acknowledgement may take: 5 s (wire document, "v1").
    pub const TIMEOUT: Duration = Duration::from_secs(5);

    /// How often a message is sent again: 5 times (wire document, "v1").
    pub const MAX_RESENDS: u32 = 5;

    /// How much may wait for acknowledgements: 65,536 messages or 64 MiB.
    pub const LIMITS: Limits = Limits {
        items: 65_536,
        bytes: 64 << 20,
    };

    /// At-least-once, with what is given up handed to `discard`.
    pub fn new(discard: Discard) -> Self {
        Self {
            unacked: Unacked::new(Settings::default(), discard),
        }
    }

    /// Sets how long an acknowledgement may take.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|settings| settings.timeout = bounded(timeout))
    }

    /// Sets how often a message is sent again, at most.
    #[must_use]
    pub fn max_resends(self, resends: u32) -> Self {
        self.with(|settings| settings.max_resends = resends)
    }

    /// Sets how much may wait for acknowledgements.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        self.with(|settings| settings.limits = limits)
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.unacked.settings();
        change(&mut settings);
        Self {
            unacked: Unacked::new(settings, self.unacked.discard()),
        }
    }

    /// The messages that wait for acknowledgements. To be asked for when all
    /// is set.
    pub fn unacked(&self) -> Unacked {
        self.unacked.clone()
    }

    /// Where the layers further in are to hand messages that they give up: here
    /// they are forgotten first, and not sent again, and then go where this
    /// layer hands its own.
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

    /// The future that sends again what is due, through a service of its own;
    /// somebody must run it. It ends when [`Unacked::close`] is called.
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

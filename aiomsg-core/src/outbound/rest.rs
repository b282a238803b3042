//! What a message has beside its payload.

use super::Target;
use crate::MessageId;
use crate::headers::{HeaderLimits, Headers};

/// All of a message but its payload, in the room of an identity alone: messages are
/// moved often, and wait by the thousand. Rare combinations are allocated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rest {
    /// Without an id.
    Target(Target),
    /// For anyone.
    Id(MessageId),
    /// For anyone, and its sender waits for the acknowledgement.
    Acked(MessageId),
    /// Anything else.
    Both(Box<Both>),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Both {
    pub(super) target: Target,
    pub(super) id: Option<MessageId>,
    pub(super) until_acked: bool,
    pub(super) interrupted: u8,
    pub(super) headers: Headers,
    /// Why a header cannot be sent.
    pub(super) bad_header: Option<Box<str>>,
}

impl Rest {
    fn new(both: Both) -> Self {
        let has_more =
            both.interrupted > 0 || !both.headers.is_empty() || both.bad_header.is_some();
        match both {
            Both {
                target: Target::Any,
                id: Some(id),
                until_acked: true,
                ..
            } if !has_more => Self::Acked(id),
            both if has_more || both.until_acked => Self::Both(Box::new(both)),
            Both {
                target, id: None, ..
            } => Self::Target(target),
            Both {
                target: Target::Any,
                id: Some(id),
                ..
            } => Self::Id(id),
            both => Self::Both(Box::new(both)),
        }
    }

    fn take(&mut self) -> Both {
        match std::mem::replace(self, Self::Target(Target::Any)) {
            Self::Target(target) => Both {
                target,
                ..Both::default()
            },
            Self::Id(id) => Both {
                id: Some(id),
                ..Both::default()
            },
            Self::Acked(id) => Both {
                id: Some(id),
                until_acked: true,
                ..Both::default()
            },
            Self::Both(both) => *both,
        }
    }

    /// Changes any of it.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Both)) {
        let mut both = self.take();
        change(&mut both);
        *self = Self::new(both);
    }
}

impl Both {
    /// Why the headers cannot be sent.
    #[cold]
    pub(super) fn bad_headers(&self, limits: HeaderLimits) -> Option<String> {
        let bad = self.bad_header.as_deref().map(str::to_owned);
        bad.or_else(|| self.headers.excess(limits))
    }
}

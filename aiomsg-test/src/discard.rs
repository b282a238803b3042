//! A [`Discard`] that remembers.

use std::fmt;
use std::sync::Arc;

use aiomsg_core::sync::Mutex;
use aiomsg_core::{Discard, Discarded, DropReason};
use bytes::Bytes;

/// A [`Discard`] for the layer under test, and the handle with the dropped messages.
///
/// ```
/// use aiomsg_core::{DropReason, Outbound};
///
/// let (discard, lost) = aiomsg_test::discard::pair();
/// discard.message(Outbound::new("late"), DropReason::PeerAbsent);
/// assert_eq!(lost.take_payloads(), [("late".into(), DropReason::PeerAbsent)]);
/// assert!(lost.take().is_empty());
/// ```
pub fn pair() -> (Discard, DiscardHandle) {
    let handle = DiscardHandle(Arc::default());
    let kept = Arc::clone(&handle.0);
    let discard = Discard::new(move |discarded| {
        let mut kept = kept.lock();
        kept.push(discarded);
    });
    (discard, handle)
}

/// Holds the dropped messages. See [`pair`].
#[derive(Clone)]
pub struct DiscardHandle(Arc<Mutex<Vec<Discarded>>>);

impl DiscardHandle {
    /// Takes the messages that were dropped since the last call, the oldest first.
    pub fn take(&self) -> Vec<Discarded> {
        let mut kept = self.0.lock();
        std::mem::take(&mut kept)
    }

    /// The same, as payloads and reasons, which are easy to compare.
    pub fn take_payloads(&self) -> Vec<(Bytes, DropReason)> {
        let taken = self.take().into_iter();
        taken
            .map(|it| (it.message.into_payload(), it.reason))
            .collect()
    }
}

impl fmt::Debug for DiscardHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DiscardHandle")
    }
}

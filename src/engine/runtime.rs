//! The end of a socket whose runtime ends first.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::Engine;

/// Ends a socket whose tasks are dropped: without them nothing is sent or received, and
/// waiting callers would wait for ever.
struct Ended(Weak<Engine>);

/// Watches the runtime until the socket ends.
pub(super) fn watch(engine: &Arc<Engine>) {
    let ended = Ended(Arc::downgrade(engine));
    let stop = engine.stop.clone();
    let watching = async move {
        let mut ended = ended;
        stop.cancelled().await;
        ended.0 = Weak::new();
    };
    engine.tasks.spawn_on(watching, &engine.runtime);
}

impl Drop for Ended {
    fn drop(&mut self) {
        let Some(engine) = self.0.upgrade() else {
            return;
        };
        engine.closing.store(true, Ordering::Release);
        let unsent = engine.send.close();
        engine.leftover.add_unsent(unsent);
        if let Some(unacked) = &engine.unacked {
            engine.leftover.add_unacknowledged(unacked.close());
        }
        engine.stop();
        engine.reporter.end();
        engine.orphaned.cancel();
    }
}

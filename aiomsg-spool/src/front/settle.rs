//! What became of messages, for the store and for their senders.

use std::sync::Arc;

use aiomsg_core::MessageId;

use super::{AckedWaiter, Front};
use crate::SpoolError;
use crate::store::{Answer, Fate, Settled, Usage};

impl Front {
    /// Says what became of messages, and tells their senders.
    pub(crate) fn settle(
        self: &Arc<Self>,
        settled: Vec<(MessageId, Settled)>,
    ) -> impl Future<Output = Result<(), SpoolError>> + Send + 'static {
        let (ids, settled): (Vec<_>, Vec<_>) = settled.into_iter().unzip();
        let told = self.waiting_for(&ids, &settled);
        let answer: Answer<Usage> = self.store.settle(settled);
        let front = Arc::clone(self);
        async move {
            let answer = answer.await;
            for (waiter, outcome) in told {
                // The sender may no longer wait.
                let _ = waiter.send(outcome);
            }
            let woken = front.state.lock().holds(&answer);
            woken.wake();
            front.settled.notify_waiters();
            answer.map(|_| ())
        }
    }

    fn waiting_for(
        &self,
        ids: &[MessageId],
        settled: &[Settled],
    ) -> Vec<(AckedWaiter, Result<(), String>)> {
        let mut state = self.state.lock();
        if state.until_acked.is_empty() {
            return Vec::new();
        }
        let outcomes = ids.iter().zip(settled).filter_map(|(id, settled)| {
            let outcome = match &settled.fate {
                Fate::Done => Ok(()),
                Fate::Dead(reason) => Err(reason.clone()),
                Fate::Failed | Fate::Returned => return None,
            };
            Some((state.until_acked.remove(id)?, outcome))
        });
        outcomes.collect()
    }
}

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use aiomsg_core::ErrorKind;
use aiomsg_layers::Overflow;
use tokio::task::yield_now;

use crate::Spool;
use crate::store::{Answer, Settled, Shed, Stats, Stored};

use super::commit::QUIET;
use super::*;

/// Each of these left the place where its sender would have heard of the acknowledgement.
#[tokio::test]
async fn nobody_waits_for_the_acknowledgement_of_what_was_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let refuses = Spool::builder()
        .max_messages(0)
        .overflow(Overflow::RefuseNewest);
    let refuses = refuses.open(folder.path().join("full")).await.unwrap();
    let fails = Spool::open(folder.path().join("gone")).await.unwrap();
    fails.front().store().close().await.unwrap();
    for (spool, kind) in [(refuses, ErrorKind::Limit), (fails, ErrorKind::Closed)] {
        let sent = spool.send(Outbound::new("job").until_acked());
        let mut error = sent.await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.take_message().unwrap().payload(), "job");
        assert!(spool.front().state.lock().until_acked.is_empty());
    }
}

/// The iterator is a user's. It was asked for the next message under the lock.
#[tokio::test]
async fn what_makes_the_messages_may_use_the_spool() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path()).await.unwrap();
    let messages = (0..3).map(|n| Outbound::new(format!("{n} {}", spool.dropped())));
    spool.append_many(messages).await.unwrap();
    assert_eq!(spool.stats().await.unwrap().waiting.messages, 3);
}

/// Callers come back one after the other, as some of them run on another thread. Each commit
/// had a few of them, and the others waited for one more.
#[tokio::test]
async fn callers_that_come_back_share_the_next_commit() {
    const ROUNDS: u64 = 10;
    let store = Arc::new(Counts::default());
    let commits = || store.commits.load(Relaxed);
    let spool = Spool::builder().with_store(Arc::clone(&store) as Arc<dyn Store>);
    let spool = spool.await.unwrap();
    let callers: Vec<_> = (0..64)
        .map(|caller| {
            let spool = spool.clone();
            tokio::spawn(async move {
                for _ in 0..ROUNDS {
                    spool.append("job").await.unwrap();
                    for _ in 0..caller % QUIET {
                        yield_now().await;
                    }
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(commits(), ROUNDS);
    // The next one waits for none of those that stay away.
    spool.append("last").await.unwrap();
    assert_eq!(commits(), ROUNDS + 1);
}

/// Counts commits, and keeps nothing.
#[derive(Debug, Default)]
struct Counts {
    commits: AtomicU64,
}

impl Store for Counts {
    fn append(&self, _: Vec<Entry>) -> Answer<Usage> {
        self.commits.fetch_add(1, Relaxed);
        Box::pin(async {
            yield_now().await;
            Ok(Usage::default())
        })
    }

    fn next(&self, _: usize) -> Answer<Vec<Stored>> {
        Box::pin(std::future::pending())
    }

    fn settle(&self, _: Vec<Settled>) -> Answer<Usage> {
        Box::pin(async { Ok(Usage::default()) })
    }

    fn shed(&self, _: Usage) -> Answer<Shed> {
        Box::pin(async { Ok(Shed::default()) })
    }

    fn stats(&self) -> Answer<Stats> {
        Box::pin(async { Ok(Stats::default()) })
    }

    fn close(&self) -> Answer<()> {
        Box::pin(async { Ok(()) })
    }
}

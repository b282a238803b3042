#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

use aiomsg_core::ErrorKind;
use aiomsg_layers::Overflow;

use crate::Spool;

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

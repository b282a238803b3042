#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

use std::path::PathBuf;

use aiomsg_layers::Overflow;

use crate::Spool;
use crate::store::{Shed, Stats, Stored};

use super::*;

/// Has no room for any message.
#[derive(Debug)]
struct NoRoom;

fn ok<T: Default + Send + 'static>() -> Answer<T> {
    Box::pin(async { Ok(T::default()) })
}

impl Store for NoRoom {
    fn append(&self, _: Vec<Entry>) -> Answer<Usage> {
        let path = PathBuf::from("spool");
        Box::pin(async { Err(SpoolError::DiskFull { path }) })
    }

    fn next(&self, _: usize) -> Answer<Vec<Stored>> {
        Box::pin(std::future::pending())
    }

    fn settle(&self, _: Vec<Settled>) -> Answer<Usage> {
        ok()
    }

    fn shed(&self, _: Usage) -> Answer<Shed> {
        ok()
    }

    fn stats(&self) -> Answer<Stats> {
        ok()
    }

    fn close(&self) -> Answer<()> {
        ok()
    }
}

/// Each of these left the place where its sender would have heard of the acknowledgement.
#[tokio::test]
async fn nobody_waits_for_the_acknowledgement_of_what_was_not_stored() {
    let refuses = Spool::builder()
        .max_messages(0)
        .overflow(Overflow::RefuseNewest);
    for builder in [refuses, Spool::builder()] {
        let spool = builder.with_store(Arc::new(NoRoom)).await.unwrap();
        let sent = spool.send(Outbound::new("job").until_acked());
        let mut error = sent.await.unwrap_err();
        assert!(error.is_limit(), "{error}");
        assert_eq!(error.take_message().unwrap().payload(), "job");
        assert!(spool.front().state.lock().until_acked.is_empty());
    }
}

/// The iterator is a user's. It was asked for the next message under the lock.
#[tokio::test]
async fn what_makes_the_messages_may_use_the_spool() {
    let spool = Spool::builder().with_store(Arc::new(NoRoom)).await.unwrap();
    let messages = (0..3).map(|n| Outbound::new(format!("{n} {}", spool.dropped())));
    assert!(spool.append_many(messages).await.unwrap_err().is_full());
}

//! A store that fails.

use std::collections::VecDeque;
use std::path::PathBuf;

use aiomsg_spool::store::{Answer, Entry, Settled, Shed, Store, Stored, Usage};

use super::*;

/// Answers what it is told, and then that messages are stored.
#[derive(Debug, Default)]
struct Fails(Mutex<VecDeque<SpoolError>>);

fn ok<T: Default + Send + 'static>() -> Answer<T> {
    Box::pin(async { Ok(T::default()) })
}

impl Store for Fails {
    fn append(&self, _: Vec<Entry>) -> Answer<Usage> {
        match self.0.lock().pop_front() {
            Some(error) => Box::pin(async { Err(error) }),
            None => ok(),
        }
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

async fn spooling(errors: impl IntoIterator<Item = SpoolError>) -> Spooling {
    let store = Fails(Mutex::new(errors.into_iter().collect()));
    let spool = Spool::builder().with_store(Arc::new(store)).await.unwrap();
    Spooling::new(spool, Identity::random(), Stats::default(), true)
}

fn no_room() -> SpoolError {
    SpoolError::DiskFull {
        path: PathBuf::from("spool"),
    }
}

fn message() -> [Outbound; 1] {
    [Outbound::new("job")]
}

/// Nobody is told that a message is stored until it is.
#[tokio::test(start_paused = true)]
async fn a_full_disk_is_tried_again_until_there_is_room() {
    let spooling = spooling([no_room(), no_room(), no_room()]).await;
    let mut storing = Box::pin(spooling.store(message));
    let waits = tokio::time::timeout(PAUSE, &mut storing).await;
    assert!(waits.is_err(), "it is not stored");
    let why = spooling.failure().unwrap();
    assert!(why.contains("no room on the disk"), "{why}");
    storing.await.unwrap();
    assert_eq!(spooling.failure(), None);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_does_not_hold_up_the_end() {
    let spooling = spooling((0..100).map(|_| no_room())).await;
    let mut storing = Box::pin(spooling.store(message));
    assert!(tokio::time::timeout(PAUSE, &mut storing).await.is_err());
    spooling.give_up();
    assert_eq!(storing.await, Err(NotStored::GivenUp));
}

/// Only a new start can tell what is on the disk.
#[tokio::test(start_paused = true)]
async fn another_failure_ends_the_proxy() {
    let error = SpoolError::Io {
        path: PathBuf::from("spool"),
        source: Arc::new(std::io::Error::other("the cable is cut")),
    };
    let spooling = spooling([error]).await;
    assert_eq!(spooling.store(message).await, Err(NotStored::GivenUp));
    let failure = spooling.broken().await.to_string();
    assert!(failure.contains("the cable is cut"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_reached_limit_with_that_rule_refuses() {
    let error = SpoolError::Full {
        limit: "1 message".to_owned(),
    };
    let spooling = spooling([error]).await;
    assert_eq!(spooling.store(message).await, Err(NotStored::Refused));
    assert_eq!(spooling.failure(), None);
}

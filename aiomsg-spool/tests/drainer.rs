//! What a drainer sends, and when.
#![allow(missing_docs, clippy::unwrap_used)]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use aiomsg_core::{Error, ErrorKind, MessageId, Outbound};
use aiomsg_spool::{Spool, SyncPolicy};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tower::Service;

const SOON: Duration = Duration::from_secs(10);

/// A message that is on its way, and the word that it has arrived.
type Sent = (Outbound, oneshot::Sender<Result<(), Error>>);

/// Gives each message to the test, which says what became of it.
struct Peers(mpsc::Sender<Sent>);

impl Service<Outbound> for Peers {
    type Response = ();
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, message: Outbound) -> Self::Future {
        let (word, outcome) = oneshot::channel();
        let _ = self.0.try_send((message, word));
        Box::pin(async move { outcome.await.unwrap_or(Err(ErrorKind::Closed.into())) })
    }
}

async fn open(folder: &tempfile::TempDir) -> Spool {
    let builder = Spool::builder().sync(SyncPolicy::Os);
    builder.open(folder.path()).await.unwrap()
}

async fn next(sent: &mut mpsc::Receiver<Sent>) -> Sent {
    timeout(SOON, sent.recv()).await.unwrap().unwrap()
}

/// A producer has sent a message again, and both are stored. While one is on its way, the
/// other would get another id, which no receiver knows.
#[tokio::test]
async fn of_two_messages_with_one_id_the_second_waits_for_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder).await;
    let id = MessageId::from_bytes([7; 16]);
    for payload in ["job", "job", "another"] {
        let message = Outbound::new(payload);
        let message = match payload {
            "job" => message.with_id(id),
            _ => message,
        };
        spool.append(message).await.unwrap();
    }
    let (peers, mut sent) = mpsc::channel(16);
    let running = tokio::spawn(spool.drainer(Peers(peers)).unwrap().run());
    let (job, arrived) = next(&mut sent).await;
    assert_eq!(job.id(), Some(id));
    let (other, other_arrived) = next(&mut sent).await;
    assert_eq!(other.payload(), "another");
    arrived.send(Ok(())).unwrap();
    let (again, arrived) = next(&mut sent).await;
    assert_eq!((again.id(), &again.payload()[..]), (Some(id), &b"job"[..]));
    arrived.send(Ok(())).unwrap();
    other_arrived.send(Ok(())).unwrap();
    assert_eq!(spool.drain(SOON).await.unwrap(), 0);
    running.abort();
}

/// What is on its way at the end gets its outcome, and nothing else is sent.
#[tokio::test]
async fn a_drainer_that_is_stopped_notes_what_was_on_its_way() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder).await;
    let (peers, mut sent) = mpsc::channel(16);
    let (stop, stopped) = oneshot::channel::<()>();
    let drainer = spool.drainer(Peers(peers)).unwrap();
    let running = tokio::spawn(drainer.run_until(async {
        let _ = stopped.await;
    }));
    spool.append("first").await.unwrap();
    let (_, arrived) = next(&mut sent).await;
    stop.send(()).unwrap();
    spool.append("second").await.unwrap();
    arrived.send(Ok(())).unwrap();
    let ended = timeout(SOON, running).await.unwrap();
    ended.unwrap().unwrap();
    assert!(sent.recv().await.is_none(), "the second one was sent");
    assert_eq!(spool.stats().await.unwrap().waiting.messages, 1);
}

/// Also without a restart.
#[tokio::test]
async fn what_a_dropped_drainer_had_taken_is_for_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder).await;
    spool.append("job").await.unwrap();
    for _ in 0..2 {
        let (peers, mut sent) = mpsc::channel(16);
        let running = tokio::spawn(spool.drainer(Peers(peers)).unwrap().run());
        let (job, _word) = next(&mut sent).await;
        assert_eq!(job.payload(), "job");
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
    }
}

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use aiomsg_core::sync::Mutex;
use aiomsg_core::{Discard, Identity, Limits, Link, Outbound};
use futures::FutureExt;
use tokio::time::{Instant, sleep};
use tower::Service;

use super::{Admission, Member};
use crate::distribute::{Distribute, RoundRobin};
use crate::peers::Peers;
use crate::queue::Queue;

fn admission() -> Admission<u32> {
    let peers = Peers::new(Discard::new(|_| {}));
    Admission::new(Identity::new([5; 16]).unwrap(), peers)
}

fn member(name: u8, dialled: bool, info: u32) -> (Member<u32>, Link) {
    let queue = Queue::new(Limits {
        items: 10,
        bytes: 1000,
    });
    let (identity, link) = (Identity::new([name; 16]).unwrap(), Link::new());
    (
        Member::new(identity, dialled, queue, link.clone(), info),
        link,
    )
}

/// A peer that died half-open kept its identity occupied, and its return was
/// refused until the timeout.
#[tokio::test(start_paused = true)]
async fn a_silent_connection_gives_way() {
    let admission = admission();
    let old = admission.admit(member(1, false, 1).0).await.unwrap();
    let start = Instant::now();
    let session = tokio::spawn(async move {
        old.evicted().await;
        drop(old);
    });
    let new = admission.admit(member(1, false, 2).0).await.unwrap();
    assert_eq!(*new.info(), 2);
    assert!(start.elapsed() >= Admission::<u32>::PATIENCE);
    session.await.unwrap();
    assert_eq!(admission.len(), 1);
}

/// The peer has shown that it is the same, so the other connection need not
/// prove dead.
#[tokio::test(start_paused = true)]
async fn the_same_certificate_takes_its_place_back_at_once() {
    let admission = admission();
    let start = Instant::now();
    let certificate = Some(bytes::Bytes::from_static(b"certificate"));
    let old = member(1, false, 1).0.proof(certificate.clone());
    let old = admission.admit(old).await.unwrap();
    tokio::spawn(async move {
        old.evicted().await;
        drop(old);
    });
    let new = member(1, false, 2).0.proof(certificate);
    let new = admission.admit(new).await.unwrap();
    assert_eq!((*new.info(), start.elapsed()), (2, Duration::ZERO));
    // Another one has to wait, and is refused if this one lives.
    let other = member(1, false, 3).0.proof(Some("another".into()));
    new.link().add_received(1);
    let waiting = tokio::spawn({
        let admission = admission.clone();
        async move { admission.admit(other).await }
    });
    sleep(Duration::from_secs(1)).await;
    new.link().add_received(1);
    assert!(waiting.await.unwrap().unwrap_err().is_identity_in_use());
}

#[tokio::test(start_paused = true)]
async fn a_living_connection_stays() {
    let admission = admission();
    let (old, link) = member(1, false, 1);
    let old = admission.admit(old).await.unwrap();
    tokio::spawn(async move {
        sleep(Duration::from_secs(3)).await;
        link.add_received(1);
    });
    let error = admission.admit(member(1, false, 2).0).await.unwrap_err();
    assert!(error.is_identity_in_use());
    assert_eq!(*admission.get(old.identity()).unwrap().info(), 1);
}

/// More than one would be of no use, and there could be very many.
#[tokio::test(start_paused = true)]
async fn one_waits_and_the_others_are_refused() {
    let admission = admission();
    let _old = admission.admit(member(1, false, 1).0).await.unwrap();
    let waiting = admission.clone();
    tokio::spawn(async move { waiting.admit(member(1, false, 2).0).await });
    sleep(Duration::from_secs(1)).await;
    let error = admission.admit(member(1, false, 3).0).await.unwrap_err();
    assert!(error.is_identity_in_use());
}

/// Both ends sent their identities on both connections before they knew: they keep the one
/// that the smaller identity has dialled. The end that has dialled the other one waits until
/// its peer closes that.
#[tokio::test(start_paused = true)]
async fn mutual_connections_are_told_apart_at_once() {
    let admission = admission();
    let start = Instant::now();
    // The peer is smaller than we: the connection that it dialled stays.
    let _theirs = admission.admit(member(1, false, 1).0).await.unwrap();
    let ours = member(1, true, 2).0.told(true);
    assert!(admission.admit(ours).await.is_err());
    assert_eq!(start.elapsed(), Duration::ZERO);
    // The peer is greater: that which we dialled does.
    let theirs = admission.admit(member(9, false, 3).0).await.unwrap();
    tokio::spawn(async move {
        sleep(Duration::from_millis(20)).await;
        assert!(theirs.handle().is_held(), "it would be lost");
        drop(theirs);
    });
    let ours = member(9, true, 4).0.told(true);
    let ours = admission.admit(ours).await.unwrap();
    assert_eq!(*ours.info(), 4);
    assert!(!ours.handle().is_held());
    assert!(start.elapsed() < Duration::from_millis(100));
}

/// A living peer's identity could be stolen: a stranger who dialled us under the
/// smaller identity of a peer that we had dialled less than 10 s ago took its place.
#[tokio::test(start_paused = true)]
async fn a_living_connection_gives_way_to_no_stranger_from_the_other_end() {
    for told in [false, true] {
        let admission = admission();
        let (ours, link) = member(1, true, 1);
        let ours = admission.admit(ours).await.unwrap();
        tokio::spawn(async move {
            sleep(Duration::from_secs(1)).await;
            link.add_received(1);
        });
        let stranger = member(1, false, 2).0.told(told);
        let error = admission.admit(stranger).await.unwrap_err();
        assert!(error.is_identity_in_use(), "{told}");
        assert_eq!(*admission.get(ours.identity()).unwrap().info(), 1);
        assert!(ours.is_confirmed() && !ours.handle().is_held());
    }
}

/// A peer keeps the connection that it has admitted first, and refuses the other one without
/// a word. Our end dropped the first one all the same.
#[tokio::test(start_paused = true)]
async fn what_the_peer_was_not_told_of_takes_no_place() {
    let admission = admission();
    // The peer is greater than we.
    let (theirs, link) = member(9, false, 1);
    let _theirs = admission.admit(theirs).await.unwrap();
    let start = Instant::now();
    tokio::spawn(async move {
        sleep(Duration::from_secs(5)).await;
        link.add_received(1);
    });
    assert!(admission.admit(member(9, true, 2).0).await.is_err());
    assert_eq!(start.elapsed().as_secs(), 5, "its next heartbeat");
}

/// Two sockets with certificates that connect to each other: the one whose connection was
/// dropped tried again and again, and each time, with the same certificate, took the place
/// of the one that they had agreed on.
#[tokio::test(start_paused = true)]
async fn the_same_certificate_from_the_other_end_takes_no_place() {
    let admission = admission();
    let certificate = Some(bytes::Bytes::from_static(b"certificate"));
    let theirs = member(1, false, 1).0.proof(certificate.clone());
    let theirs = admission.admit(theirs).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    let link = theirs.link().clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(1)).await;
        link.add_received(1);
    });
    tokio::spawn(async move {
        theirs.evicted().await;
        drop(theirs);
    });
    let ours = member(1, true, 2).0.proof(certificate);
    let error = admission.admit(ours).await.unwrap_err();
    assert!(error.is_identity_in_use());
}

/// Two dials to one peer, by two of its addresses, took the place of each other for ever.
#[tokio::test(start_paused = true)]
async fn a_second_dial_of_ours_takes_no_place_with_the_same_certificate() {
    let admission = admission();
    let certificate = Some(bytes::Bytes::from_static(b"certificate"));
    let first = member(1, true, 1).0.proof(certificate.clone());
    let first = admission.admit(first).await.unwrap();
    let link = first.link().clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(1)).await;
        link.add_received(1);
    });
    let second = member(1, true, 2).0.proof(certificate);
    let error = admission.admit(second).await.unwrap_err();
    assert!(error.is_identity_in_use());
    assert!(first.evicted().now_or_never().is_none());
}

#[tokio::test]
async fn our_own_identity_too_many_peers_and_the_end_are_refused() {
    let peers = Peers::new(Discard::new(|_| {}));
    let own = Identity::new([5; 16]).unwrap();
    let admission = Admission::with(own, peers, 1, Duration::from_secs(1));
    let error = admission.admit(member(5, false, 0).0).await.unwrap_err();
    assert!(error.is_identity_in_use());
    let _one = admission.admit(member(1, false, 0).0).await.unwrap();
    let error = admission.admit(member(2, false, 0).0).await.unwrap_err();
    assert!(error.is_limit());
    admission.close();
    let error = admission.admit(member(1, false, 0).0).await.unwrap_err();
    assert!(error.is_closed());
}

/// Asks whether a message could be sent, as soon as it is woken.
struct Asks(Mutex<Distribute<Queue<Outbound>, RoundRobin>>, AtomicBool);

impl Wake for Asks {
    fn wake(self: Arc<Self>) {
        let ready = self.0.lock().poll_ready(&mut crate::test_stack::cx());
        self.1.store(ready.is_ready(), Relaxed);
    }
}

/// The number was told under the locks, and the send path heard of the peer after them. So
/// messages that were sent at once went past it.
#[tokio::test]
async fn a_peer_counts_when_the_send_path_knows_it() {
    let peers = Peers::new(Discard::new(|_| {}));
    let mut distribute = Distribute::new(&peers, RoundRobin::new());
    let admission = Admission::<u32>::new(Identity::new([5; 16]).unwrap(), peers);
    assert!(
        distribute
            .poll_ready(&mut crate::test_stack::cx())
            .is_pending()
    );

    let asks = Arc::new(Asks(Mutex::new(distribute), AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&asks));
    let mut count = admission.count_heard();
    let mut changed = std::pin::pin!(count.changed());
    let polled = changed.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    let admitted = admission.admit(member(1, false, 1).0).await.unwrap();
    assert!(asks.1.load(Relaxed), "it was told too early");
    changed.await.unwrap();
    assert_eq!(*admission.count_heard().borrow(), 1);
    drop(admitted);
    assert_eq!(*admission.count_heard().borrow(), 0);
}

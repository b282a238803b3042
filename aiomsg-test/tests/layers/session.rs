use std::time::Duration;

use aiomsg_core::{Frame, Identity, Limits, Outbound};
use aiomsg_layers::queue::Queue;
use aiomsg_layers::session::{Inbox, Session, SessionHandle};
use aiomsg_test::connection;
use futures::FutureExt;
use tokio::time::{Instant, sleep};

const LIMITS: Limits = Limits {
    items: 1000,
    bytes: 1 << 20,
};

/// A peer that took no notice of our goodbye and went on sending, a little now
/// and then, kept a connection that we had ended for as long as it liked.
#[tokio::test(start_paused = true)]
async fn a_peer_that_goes_on_sending_is_left_in_time() {
    let (connection, peer) = connection::pair();
    let (queue, inbox) = (Queue::new(LIMITS), Queue::new(LIMITS));
    let intake = Inbox::new(inbox.clone());
    let mut session = Session::new(Identity::random(), connection, queue, intake);
    let start = Instant::now();
    let sending = async {
        loop {
            peer.receive(Frame::data("and another thing"));
            // None of them comes at the moment of the end.
            sleep(Duration::from_millis(90)).await;
            let lasted = start.elapsed();
            assert!(lasted < Duration::from_secs(6), "it is still there");
        }
    };
    tokio::select! {
        _ = session.run(std::future::ready(())) => {}
        () = sending => unreachable!("it sends for ever"),
    }
    assert!(peer.is_closed());
    // As long as it may, and what has come by then is not lost.
    assert!(start.elapsed() >= Duration::from_secs(5));
    assert_eq!(inbox.items(), 56);
}

/// Without that, the end of the connection is an end, and so is silence.
#[tokio::test(start_paused = true)]
async fn a_peer_that_is_silent_or_ends_is_not_waited_for() {
    for (never_ends, ends, millis) in [
        (true, true, 0),
        (true, false, 200),
        (false, true, 0),
        // What it sent before it heard of the end may take a while to come.
        (false, false, 2000),
    ] {
        let (connection, peer) = connection::pair();
        let (queue, inbox) = (Queue::new(LIMITS), Queue::new(LIMITS));
        let intake = Inbox::new(inbox.clone());
        let mut session =
            Session::new(Identity::random(), connection, queue, intake).peer_never_ends(never_ends);
        let start = Instant::now();
        let mut run = std::pin::pin!(session.run(std::future::ready(())));
        assert!(run.as_mut().now_or_never().is_none());
        peer.receive(Frame::data("the last word"));
        if ends {
            peer.end();
        }
        run.await;
        let millis = Duration::from_millis(millis);
        assert!(start.elapsed().abs_diff(millis) < Duration::from_millis(5));
        assert_eq!(inbox.items(), 1);
    }
}

/// A socket that closed at the moment between the queue and the account of what
/// has left found its messages in neither, and took their acknowledgements for
/// missing.
#[tokio::test(start_paused = true)]
async fn what_is_in_no_queue_and_has_not_left_is_being_sent() {
    let (connection, peer) = connection::pair();
    let (queue, inbox) = (Queue::new(LIMITS), Queue::new(LIMITS));
    let handle = SessionHandle::new();
    let intake = Inbox::new(inbox);
    let mut session =
        Session::new(Identity::random(), connection, queue.clone(), intake).handle(handle.clone());
    let mut run = std::pin::pin!(session.run(std::future::pending()));
    assert!(run.as_mut().now_or_never().is_none());
    assert!(!handle.is_sending());

    peer.block_flush();
    queue.push(Outbound::new("1")).unwrap();
    assert!(run.as_mut().now_or_never().is_none());
    assert!(queue.is_empty() && handle.is_sending());
    peer.unblock_flush();
    assert!(run.as_mut().now_or_never().is_none());
    assert!(peer.is_flushed() && !handle.is_sending());
}

use std::task::{Context, Poll};

use aiomsg_core::{Connection, Error, ErrorKind, Frame, Identified, MessageId};
use aiomsg_test::connection::{ConnectionHandle, MockConnection, pair};
use futures::{FutureExt, SinkExt, StreamExt};

use super::{Wakes, cx};

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing to wait for")
}

fn text(payload: &'static str) -> Frame {
    Frame::data(payload)
}

#[test]
fn it_is_a_connection_of_somebody() {
    fn named<C: Connection + Identified>(connection: &C) -> &[u8] {
        connection.identity().as_bytes()
    }
    let ((a, _), (b, _)) = (pair(), pair());
    assert_eq!(named(&a), named(&b), "the same peer, unless it is set");
    assert_eq!(named(&b.with_identity("bob")), b"bob");
}

#[test]
#[should_panic(expected = "the name of a peer cannot be used")]
fn an_identity_that_cannot_be_is_refused() {
    let _ = pair().0.with_identity("");
}

// ===== reading =====

#[test]
fn frames_are_read_in_order_and_then_the_end_for_good() {
    let (mut connection, peer) = pair();
    peer.receive(text("1"));
    peer.receive(text("2"));
    peer.end();
    assert_eq!(now(connection.next()).unwrap().unwrap(), text("1"));
    assert_eq!(now(connection.next()).unwrap().unwrap(), text("2"));
    assert!(now(connection.next()).is_none());
    assert!(now(connection.next()).is_none());
}

#[test]
fn an_error_ends_the_stream() {
    let (mut connection, peer) = pair();
    peer.receive(text("1"));
    peer.receive_error(ErrorKind::Protocol);
    assert!(now(connection.next()).unwrap().is_ok());
    assert!(now(connection.next()).unwrap().unwrap_err().is_protocol());
    assert!(now(connection.next()).is_none());
}

#[test]
#[should_panic(expected = "nothing comes behind the end of a stream")]
fn nothing_comes_behind_the_end() {
    let (_connection, peer) = pair();
    peer.end();
    peer.receive(text("late"));
}

#[test]
fn whatever_comes_wakes_the_reader() {
    let (mut connection, peer) = pair();
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    let ways: [fn(&ConnectionHandle); 3] = [
        |peer| peer.receive(text("x")),
        |peer| peer.receive_bytes(1),
        |peer| peer.end(),
    ];
    for come in ways {
        while connection.poll_next_unpin(&mut cx).is_ready() {}
        assert_eq!(wakes.take(), 0);
        come(&peer);
        assert_eq!(wakes.take(), 1);
    }
}

/// A layer may be moved from task to task.
#[test]
fn the_last_task_that_asked_is_woken() {
    let (mut connection, peer) = pair();
    let ((first, waker), (last, other)) = (Wakes::new(), Wakes::new());
    for waker in [waker, other] {
        let mut cx = Context::from_waker(&waker);
        assert!(connection.poll_next_unpin(&mut cx).is_pending());
    }
    peer.receive(text("x"));
    assert_eq!((first.take(), last.take()), (0, 1));
}

#[test]
fn bytes_are_counted_when_they_are_read() {
    let (mut connection, peer) = pair();
    // Four bytes of length, one of type, and the payload.
    peer.receive(text("123"));
    peer.receive(Frame::Heartbeat);
    peer.receive(Frame::ack(MessageId::from_bytes([1; 16])));
    assert_eq!(peer.link().received(), 0);
    assert!(now(connection.next()).is_some());
    assert_eq!(peer.link().received(), 8 + 5 + 21);
    peer.receive_bytes(7);
    assert!(now(connection.next()).is_some());
    assert_eq!(peer.link().received(), 8 + 5 + 21 + 7);
}

// ===== sending =====

#[test]
fn a_frame_is_on_the_wire_once_it_is_flushed() {
    let (mut connection, peer) = pair();
    now(connection.feed(text("1"))).unwrap();
    now(connection.feed(text("2"))).unwrap();
    assert_eq!(peer.take_sent(), []);
    assert_eq!(peer.unflushed(), [text("1"), text("2")]);
    assert!(!peer.is_flushed());
    assert_eq!(peer.link().sent(), 0);
    now(connection.flush()).unwrap();
    assert_eq!(peer.take_sent(), [text("1"), text("2")]);
    assert!(peer.is_flushed());
    assert_eq!((peer.link().sent(), peer.link().waiting()), (12, 0));
}

#[test]
#[should_panic(expected = "start_send without poll_ready")]
fn a_frame_without_readiness_is_found() {
    let (mut connection, _peer) = pair();
    let _ = connection.start_send_unpin(text("x"));
}

#[test]
#[should_panic(expected = "start_send without poll_ready")]
fn readiness_is_for_one_frame() {
    let (mut connection, _peer) = pair();
    assert!(connection.poll_ready_unpin(&mut cx()).is_ready());
    let _ = connection.start_send_unpin(text("1"));
    let _ = connection.start_send_unpin(text("2"));
}

#[test]
#[should_panic(expected = "start_send without poll_ready")]
fn a_frame_in_spite_of_back_pressure_is_found() {
    let (mut connection, peer) = pair();
    peer.block_ready();
    assert!(connection.poll_ready_unpin(&mut cx()).is_pending());
    let _ = connection.start_send_unpin(text("x"));
}

#[test]
#[should_panic(expected = "start_send after poll_close")]
fn a_frame_after_the_close_is_found() {
    let (mut connection, peer) = pair();
    assert!(connection.poll_ready_unpin(&mut cx()).is_ready());
    now(connection.close()).unwrap();
    assert!(peer.is_closed());
    let _ = connection.start_send_unpin(text("late"));
}

#[test]
fn a_panic_leaves_the_handle_usable() {
    let (mut connection, peer) = pair();
    now(connection.send(text("before"))).unwrap();
    let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _ = connection.start_send_unpin(text("x"));
    }));
    assert!(broken.is_err());
    assert!(peer.is_dropped());
    assert_eq!(peer.take_sent(), [text("before")]);
    assert!(peer.link().take_unsent().is_empty());
}

#[test]
fn room_is_bounded_and_who_waits_for_it_is_woken() {
    let (mut connection, peer) = pair();
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    peer.set_room(1);
    peer.block_flush();
    now(connection.feed(text("1"))).unwrap();
    assert!(connection.poll_ready_unpin(&mut cx).is_pending());
    peer.set_room(2);
    assert_eq!(wakes.take(), 1);
    now(connection.feed(text("2"))).unwrap();
    assert!(connection.poll_ready_unpin(&mut cx).is_pending());
    peer.unblock_flush();
    assert_eq!(wakes.take(), 1);
    now(connection.feed(text("3"))).unwrap();
    // Room was made without a flush, as far as it was needed.
    assert_eq!(peer.take_sent(), [text("1"), text("2")]);
    assert_eq!(peer.unflushed(), [text("3")]);
}

#[test]
fn there_is_a_bound_from_the_start() {
    let (mut connection, peer) = pair();
    peer.block_flush();
    for _ in 0..MockConnection::ROOM {
        now(connection.feed(Frame::Heartbeat)).unwrap();
    }
    assert!(connection.poll_ready_unpin(&mut cx()).is_pending());
}

#[test]
fn readiness_can_be_held_back_by_itself() {
    let (mut connection, peer) = pair();
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    peer.block_ready();
    assert!(connection.poll_ready_unpin(&mut cx).is_pending());
    assert!(
        connection.poll_flush_unpin(&mut cx).is_ready(),
        "there is nothing to flush"
    );
    peer.unblock_ready();
    assert_eq!(wakes.take(), 1);
    assert!(connection.poll_ready_unpin(&mut cx).is_ready());
}

#[test]
fn a_flush_waits_for_the_peer_and_is_woken() {
    let (mut connection, peer) = pair();
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    peer.block_flush();
    now(connection.feed(text("12345"))).unwrap();
    now(connection.feed(text("12345"))).unwrap();
    assert_eq!(peer.link().waiting(), 0, "nobody has tried to write");
    assert!(connection.poll_flush_unpin(&mut cx).is_pending());
    assert_eq!((peer.link().sent(), peer.link().waiting()), (0, 20));
    peer.allow_bytes(13);
    assert_eq!(wakes.take(), 1);
    assert!(connection.poll_flush_unpin(&mut cx).is_pending());
    assert_eq!((peer.link().sent(), peer.link().waiting()), (13, 7));
    assert_eq!(peer.take_sent(), [text("12345")]);
    assert_eq!(peer.unflushed().len(), 1, "of this one a part has left");
    peer.unblock_flush();
    assert_eq!(wakes.take(), 1);
    assert!(connection.poll_flush_unpin(&mut cx).is_ready());
    assert_eq!((peer.link().sent(), peer.link().waiting()), (20, 0));
}

#[test]
fn a_close_flushes_first() {
    let (mut connection, peer) = pair();
    peer.block_flush();
    now(connection.feed(text("x"))).unwrap();
    assert!(connection.poll_close_unpin(&mut cx()).is_pending());
    assert!(!peer.is_closed());
    peer.unblock_flush();
    assert!(connection.poll_close_unpin(&mut cx()).is_ready());
    assert!(peer.is_closed() && !peer.is_dropped());
    assert_eq!(peer.take_sent(), [text("x")]);
    let after = connection.poll_ready_unpin(&mut cx());
    assert!(matches!(after, Poll::Ready(Err(error)) if error.is_disconnected()));
    // The other direction is open still.
    peer.receive(text("goodbye"));
    assert!(now(connection.next()).unwrap().is_ok());
}

#[test]
fn sending_fails_for_good() {
    let (mut connection, peer) = pair();
    let (wakes, waker) = Wakes::new();
    peer.block_flush();
    now(connection.feed(text("x"))).unwrap();
    let mut cx = Context::from_waker(&waker);
    assert!(connection.poll_flush_unpin(&mut cx).is_pending());
    peer.fail_sends(Error::new(ErrorKind::Io).with_reason("a broken wire"));
    assert_eq!(wakes.take(), 1);
    assert!(now(connection.flush()).unwrap_err().is_io());
    let later = now(connection.send(text("y"))).unwrap_err();
    assert!(later.is_disconnected(), "{later}");
    assert_eq!(peer.unflushed(), [text("x")]);
    assert_eq!(now(peer.next_sent()), None);
}

/// As by a connection with the usual limit.
#[test]
fn what_cannot_be_encoded_cannot_be_sent() {
    let (mut connection, peer) = pair();
    let large = Frame::data(vec![0; aiomsg_transport::codec::DEFAULT_MAX_MESSAGE + 1]);
    let refused = now(connection.send(large)).unwrap_err();
    assert!(refused.is_too_large());
    now(connection.send(text("x"))).unwrap();
    assert_eq!(peer.take_sent(), [text("x")]);
}

#[test]
fn what_never_left_is_in_the_link_when_the_connection_is_dropped() {
    let (mut connection, peer) = pair();
    peer.block_flush();
    for payload in ["1", "2", "3"] {
        now(connection.feed(text(payload))).unwrap();
    }
    peer.allow_bytes(7);
    assert!(connection.poll_flush_unpin(&mut cx()).is_pending());
    assert!(peer.link().take_unsent().is_empty());
    drop(connection);
    assert!(peer.is_dropped());
    assert_eq!(peer.take_sent(), [text("1")]);
    // Of the second a byte has left, so the peer cannot have it whole.
    assert_eq!(peer.link().take_unsent(), [text("2"), text("3")]);
}

// ===== waiting for what is sent =====

#[tokio::test]
async fn the_test_waits_for_frames_and_hears_of_the_end() {
    let (mut connection, peer) = pair();
    let sending = tokio::spawn(async move {
        for payload in ["1", "2"] {
            tokio::task::yield_now().await;
            connection.send(text(payload)).await.unwrap();
        }
        tokio::task::yield_now().await;
        connection.close().await.unwrap();
        connection
    });
    assert_eq!(peer.next_sent().await, Some(text("1")));
    assert_eq!(peer.next_sent().await, Some(text("2")));
    assert_eq!(peer.next_sent().await, None);
    drop(sending.await.unwrap());
}

#[test]
fn who_waits_for_a_frame_is_woken_by_the_drop_too() {
    let (connection, peer) = pair();
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    assert!(peer.poll_sent(&mut cx).is_pending());
    drop(connection);
    assert_eq!(wakes.take(), 1);
    assert_eq!(peer.poll_sent(&mut cx), Poll::Ready(None));
}

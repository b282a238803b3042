//! The adapters, over a connection in memory.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::task::Waker;

use futures::{FutureExt, SinkExt, StreamExt};
use tower_layer::Layer;

use super::*;
use crate::{ErrorKind, Frame};

/// Yields its frames, and takes as many as it has room for.
#[derive(Default)]
struct Memory {
    incoming: VecDeque<Result<Frame, Error>>,
    ended: bool,
    sent: Vec<Frame>,
    room: usize,
    identity: Option<Identity>,
}

impl Memory {
    fn with(incoming: impl IntoIterator<Item = Frame>) -> Self {
        Self {
            incoming: incoming.into_iter().map(Ok).collect(),
            room: 100,
            ..Self::default()
        }
    }
}

impl Connection for Memory {
    fn poll_recv<V: FrameVisitor>(
        &mut self,
        _: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        while let Some(next) = self.incoming.pop_front() {
            match next.map(|frame| visitor.visit(frame)) {
                Ok(ControlFlow::Break(())) => return Poll::Ready(Some(Ok(()))),
                Ok(ControlFlow::Continue(())) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        match self.ended {
            true => Poll::Ready(None),
            false => Poll::Pending,
        }
    }

    fn poll_send<S: FrameSource>(
        &mut self,
        _: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        while self.sent.len() < self.room {
            let (sent, room) = (&mut self.sent, self.room);
            let fed = source.feed(&mut |frame| {
                sent.push(frame);
                match sent.len() < room {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            });
            if fed.is_continue() {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Pending
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.ended = true;
        Poll::Ready(Ok(()))
    }
}

impl Identified for Memory {
    fn identity(&self) -> &Identity {
        self.identity.as_ref().expect("it has one")
    }
}

fn data(texts: &[&'static str]) -> Vec<Frame> {
    texts.iter().map(|text| Frame::data(*text)).collect()
}

/// Nothing here has to be waited for.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing to wait for")
}

/// The frames that arrive now, and how that ended.
fn recv(connection: &mut impl Connection) -> (Vec<Frame>, Poll<Option<Result<(), Error>>>) {
    let mut seen = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    let polled = connection.poll_recv(&mut cx, &mut |frame| {
        seen.push(frame);
        ControlFlow::Continue(())
    });
    (seen, polled)
}

// ===== hooks =====

#[test]
fn a_function_of_a_frame_drops_and_changes_what_arrives() {
    let layer = arriving_fn(|frame: Frame| match frame.payload() {
        Some(payload) if payload == "drop" => None,
        Some(payload) => Some(Frame::data([b"> ", &payload[..]].concat())),
        None => Some(frame),
    });
    let mut connection = layer.layer(Memory::with(data(&["a", "drop", "b"])));
    let (seen, polled) = recv(&mut connection);
    assert_eq!(seen, data(&["> a", "> b"]));
    assert!(polled.is_pending());
}

#[test]
fn a_function_of_a_frame_drops_what_leaves_and_nothing_that_arrives() {
    let layer = leaving_fn(|frame: Frame| (frame != Frame::Heartbeat).then_some(frame));
    let mut connection = FrameStream::new(layer.layer(Memory::with([Frame::Heartbeat])));
    for frame in [Frame::Heartbeat, Frame::data("a"), Frame::Heartbeat] {
        now(connection.send(frame)).unwrap();
    }
    assert_eq!(connection.get_ref().get_ref().sent, data(&["a"]));
    assert_eq!(now(connection.next()).unwrap().unwrap(), Frame::Heartbeat);
}

/// Each connection has its own.
#[test]
fn a_hook_has_state_for_each_connection() {
    let mut number = 0;
    let layer = arriving_fn(move |_| {
        number += 1;
        Some(Frame::data(vec![number]))
    });
    for _ in 0..2 {
        let mut connection = layer.layer(Memory::with(data(&["x", "y"])));
        assert_eq!(recv(&mut connection).0, data(&["\x01", "\x02"]));
    }
}

#[test]
fn a_hook_may_be_for_one_peer() {
    let muted = Identity::new("mallory").unwrap();
    let layer = HookLayer::per_peer(|peer: &Identity| {
        (*peer == muted).then_some(ArrivingFn::new(|_: Frame| None))
    });
    for (peer, expected) in [("mallory", vec![]), ("bob", data(&["x"]))] {
        let mut memory = Memory::with(data(&["x"]));
        memory.identity = Some(Identity::new(peer).unwrap());
        let mut connection = layer.layer(memory);
        assert_eq!(connection.identity().as_bytes(), peer.as_bytes());
        assert_eq!(recv(&mut connection).0, expected);
    }
}

/// Fails once it has seen three.
#[derive(Clone, Default)]
struct AtMostTwo(usize);

impl FrameHook for AtMostTwo {
    fn arriving(&mut self, frame: Frame) -> Option<Frame> {
        self.0 += 1;
        (self.0 <= 2).then_some(frame)
    }

    fn settle(&mut self) -> Result<(), Error> {
        match self.0 {
            0..=2 => Ok(()),
            _ => Err(Error::new(ErrorKind::Limit).with_reason("that was too much")),
        }
    }
}

#[test]
fn a_hook_ends_the_connection_behind_what_it_has_passed_on() {
    let mut connection = HookLayer::new(AtMostTwo(0)).layer(Memory::with(data(&["a", "b"])));
    let (seen, polled) = recv(&mut connection);
    assert!(seen.len() == 2 && polled.is_pending());
    connection
        .get_mut()
        .incoming
        .push_back(Ok(Frame::data("c")));
    let (seen, polled) = recv(&mut connection);
    assert!(seen.is_empty());
    let Poll::Ready(Some(Err(error))) = polled else {
        panic!("{polled:?}");
    };
    assert!(error.is_limit());
}

/// One frame at a time, as well.
#[test]
fn an_error_behind_a_frame_is_not_lost() {
    let memory = Memory::with(data(&["a"]));
    let mut connection = FrameStream::new(HookLayer::new(AtMostTwo(1)).layer(memory));
    assert!(now(connection.next()).unwrap().is_ok());
    connection.get_mut().hook_mut().0 = 3;
    assert!(now(connection.next()).unwrap().unwrap_err().is_limit());

    struct Fails;
    impl FrameHook for Fails {
        fn settle(&mut self) -> Result<(), Error> {
            Err(ErrorKind::Limit.into())
        }
    }
    let mut connection = FrameStream::new(Hooked::new(Memory::with(data(&["a"])), Fails));
    assert_eq!(now(connection.next()).unwrap().unwrap(), Frame::data("a"));
    assert!(now(connection.next()).unwrap().unwrap_err().is_limit());
}

/// The first error of a connection is the reason of its end.
#[test]
fn the_error_of_a_connection_goes_before_that_of_a_hook() {
    let mut memory = Memory::default();
    memory.incoming.push_back(Err(ErrorKind::Protocol.into()));
    let mut connection = HookLayer::new(AtMostTwo(5)).layer(memory);
    match recv(&mut connection).1 {
        Poll::Ready(Some(Err(error))) => assert!(error.is_protocol()),
        other => panic!("{other:?}"),
    }
}

/// A peer that sends only frames that are dropped would keep the task for itself.
#[test]
fn a_hook_that_drops_everything_lets_others_have_their_turn() {
    let drops = arriving_fn(|_| None);
    let mut connection = drops.layer(Memory::with(vec![Frame::data("x"); 10_000]));
    let turns = (0..10)
        .take_while(|_| {
            assert!(recv(&mut connection).1.is_pending());
            !connection.get_ref().incoming.is_empty()
        })
        .count();
    assert_eq!(turns, 2);
}

// ===== sinks and streams =====

/// There and back again.
#[test]
fn a_connection_is_a_stream_that_is_a_connection() {
    let memory = Memory::with(data(&["a", "b", "c"]));
    let mut connection = OneByOne::new(FrameStream::new(memory));
    let (seen, polled) = recv(&mut connection);
    assert_eq!(seen, data(&["a", "b", "c"]));
    assert!(polled.is_pending());

    let mut cx = Context::from_waker(Waker::noop());
    connection.get_mut().get_mut().room = 2;
    let mut source = VecDeque::from(data(&["1", "2", "3"]));
    assert!(connection.poll_send(&mut cx, &mut source).is_pending());
    assert_eq!(source, data(&["3"]), "none is asked for that has no room");
    connection.get_mut().get_mut().room = 3;
    assert!(connection.poll_send(&mut cx, &mut source).is_ready());
    assert!(connection.poll_close(&mut cx).is_ready());
    assert!(matches!(recv(&mut connection).1, Poll::Ready(None)));
    let memory = connection.into_inner().into_inner();
    assert_eq!(memory.sent, data(&["1", "2", "3"]));
}

/// A layer may take the room that the caller has asked for.
#[test]
fn a_frame_whose_room_was_taken_waits_and_goes_first() {
    let mut connection = FrameStream::new(Memory::with([]));
    now(connection.feed(Frame::data("1"))).unwrap();
    assert_eq!(connection.get_ref().sent.len(), 1, "it goes at once");
    now(std::future::poll_fn(|cx| connection.poll_ready_unpin(cx))).unwrap();
    connection.get_mut().room = 1;
    connection.start_send_unpin(Frame::data("2")).unwrap();
    assert!(connection.feed(Frame::data("3")).now_or_never().is_none());
    assert!(connection.flush().now_or_never().is_none());
    connection.get_mut().room = 3;
    now(connection.send(Frame::data("3"))).unwrap();
    assert_eq!(connection.into_inner().sent, data(&["1", "2", "3"]));
}

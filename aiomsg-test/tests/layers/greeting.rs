//! A connection layer of a user's own: the two ends greet each other by name
//! before anything else passes.

use std::task::{Context, Poll, ready};

use aiomsg_core::connection::FrameStream;
use aiomsg_core::{
    Connection, Error, ErrorKind, Frame, FrameHook, FrameSource, FrameVisitor, Identified, Identity,
};
use aiomsg_layers::AcknowledgeLayer;
use aiomsg_test::connection::{self, MockConnection};
use futures::{FutureExt, SinkExt, StreamExt};
use tower::{Layer, layer::layer_fn};

struct Greeting<C> {
    inner: C,
    has_greeted: bool,
    was_greeted: bool,
}

impl<C> Greeting<C> {
    fn new(inner: C) -> Self {
        Self {
            inner,
            has_greeted: false,
            was_greeted: false,
        }
    }
}

impl<C: Connection + Identified> Greeting<C> {
    fn poll_greet(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !self.has_greeted {
            let name = self.inner.identity().as_bytes();
            let mut greeting = Some(Frame::data([b"hello ", name].concat()));
            let sent = self.inner.poll_send(cx, &mut greeting);
            self.has_greeted = greeting.is_none();
            return sent;
        }
        Poll::Ready(Ok(()))
    }
}

impl<C: Identified> Identified for Greeting<C> {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }
}

impl<C: Connection + Identified> Connection for Greeting<C> {
    fn poll_recv<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        let mut heard = Heard {
            was_greeted: &mut self.was_greeted,
            is_rude: false,
        };
        self.inner.poll_recv_through(cx, &mut heard, visitor)
    }

    fn poll_send<S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        ready!(self.poll_greet(cx))?;
        self.inner.poll_send(cx, source)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_greet(cx))?;
        self.inner.poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_close(cx)
    }
}

/// Takes the greeting out of what arrives.
struct Heard<'a> {
    was_greeted: &'a mut bool,
    is_rude: bool,
}

impl FrameHook for Heard<'_> {
    fn arriving(&mut self, frame: Frame) -> Option<Frame> {
        match frame {
            _ if self.is_rude => None,
            frame if *self.was_greeted => Some(frame),
            Frame::Data { payload, .. } if payload.starts_with(b"hello ") => {
                *self.was_greeted = true;
                None
            }
            _ => {
                self.is_rude = true;
                None
            }
        }
    }

    fn settle(&mut self) -> Result<(), Error> {
        match self.is_rude {
            true => Err(Error::new(ErrorKind::Protocol).with_reason("it did not greet")),
            false => Ok(()),
        }
    }
}

fn greeting(connection: MockConnection) -> FrameStream<Greeting<MockConnection>> {
    FrameStream::new(Greeting::new(connection))
}

#[test]
fn the_greeting_goes_first_and_once() {
    let (connection, peer) = connection::pair();
    let mut connection = greeting(connection.with_identity("bob"));
    for payload in ["1", "2"] {
        let sent = connection.send(Frame::data(payload)).now_or_never();
        sent.unwrap().unwrap();
    }
    let expected = ["hello bob", "1", "2"].map(Frame::data);
    assert_eq!(peer.take_sent(), expected);
}

#[test]
fn a_flush_is_enough_to_greet() {
    let (connection, peer) = connection::pair();
    let mut connection = greeting(connection.with_identity("bob"));
    connection.flush().now_or_never().unwrap().unwrap();
    assert_eq!(peer.take_sent(), [Frame::data("hello bob")]);
}

#[test]
fn the_greeting_takes_the_only_room_there_is() {
    let (connection, peer) = connection::pair();
    let mut connection = greeting(connection.with_identity("bob"));
    peer.set_room(1);
    peer.block_flush();
    assert!(connection.feed(Frame::data("1")).now_or_never().is_none());
    assert_eq!(peer.unflushed(), [Frame::data("hello bob")]);
    peer.unblock_flush();
    assert!(connection.feed(Frame::data("1")).now_or_never().is_some());
    assert_eq!(peer.take_sent(), [Frame::data("hello bob")]);
    assert_eq!(peer.unflushed(), [Frame::data("1")]);
}

#[tokio::test]
async fn the_greeting_of_the_peer_goes_no_further() {
    let (connection, peer) = connection::pair();
    let mut connection = greeting(connection);
    for payload in ["hello alice", "hello again"] {
        peer.receive(Frame::data(payload));
    }
    let frame = connection.next().await.unwrap().unwrap();
    assert_eq!(frame, Frame::data("hello again"));
    peer.end();
    assert!(connection.next().await.is_none());
}

#[tokio::test]
async fn a_peer_that_does_not_greet_broke_the_protocol() {
    let (connection, peer) = connection::pair();
    peer.receive(Frame::Heartbeat);
    let error = greeting(connection).next().await.unwrap();
    assert!(error.unwrap_err().is_protocol());
}

/// As in a socket, whose own layers are around those of its user.
#[tokio::test]
async fn within_a_stack() {
    let (connection, peer) = connection::pair();
    let greeting = layer_fn(Greeting::new);
    let connection = connection.with_identity("bob");
    let connection = AcknowledgeLayer::new().layer(greeting.layer(connection));
    assert_eq!(connection.get_ref().identity().as_bytes(), b"bob");
    let mut connection = FrameStream::new(connection);
    let id = aiomsg_core::MessageId::from_bytes([1; 16]);
    peer.receive(Frame::data("hello alice"));
    peer.receive(Frame::request(id, "job"));
    assert!(connection.next().await.unwrap().is_ok());
    connection.flush().await.unwrap();
    let expected = [Frame::data("hello bob"), Frame::ack(id)];
    assert_eq!(peer.take_sent(), expected);
}

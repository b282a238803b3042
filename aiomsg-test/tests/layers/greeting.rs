//! A connection layer of a user's own: the two ends greet each other by name
//! before anything else passes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::{Connection, Error, ErrorKind, Frame, Identified, Identity};
use aiomsg_layers::AcknowledgeLayer;
use aiomsg_test::connection;
use futures::{FutureExt, Sink, SinkExt, Stream, StreamExt};
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
            ready!(self.inner.poll_ready_unpin(cx))?;
            let name = self.inner.identity().as_bytes();
            let greeting = [b"hello ", name].concat();
            self.inner.start_send_unpin(Frame::data(greeting))?;
            self.has_greeted = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl<C: Identified> Identified for Greeting<C> {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }
}

impl<C: Connection + Identified> Stream for Greeting<C> {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let item = ready!(self.inner.poll_next_unpin(cx));
            if self.was_greeted || !matches!(item, Some(Ok(_))) {
                return Poll::Ready(item);
            }
            match item {
                Some(Ok(Frame::Data { payload, .. })) if payload.starts_with(b"hello ") => {
                    self.was_greeted = true;
                }
                _ => {
                    let error = Error::new(ErrorKind::Protocol).with_reason("it did not greet");
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

impl<C: Connection + Identified> Sink<Frame> for Greeting<C> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_greet(cx))?;
        // The room that there was is taken by the greeting.
        self.inner.poll_ready_unpin(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        self.inner.start_send_unpin(frame)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_greet(cx))?;
        self.inner.poll_flush_unpin(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_close_unpin(cx)
    }
}

#[test]
fn the_greeting_goes_first_and_once() {
    let (connection, peer) = connection::pair();
    let mut connection = Greeting::new(connection.with_identity("bob"));
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
    let mut connection = Greeting::new(connection.with_identity("bob"));
    connection.flush().now_or_never().unwrap().unwrap();
    assert_eq!(peer.take_sent(), [Frame::data("hello bob")]);
}

#[test]
fn the_greeting_takes_the_only_room_there_is() {
    let (connection, peer) = connection::pair();
    let mut connection = Greeting::new(connection.with_identity("bob"));
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
    let mut connection = Greeting::new(connection);
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
    let error = Greeting::new(connection).next().await.unwrap();
    assert!(error.unwrap_err().is_protocol());
}

/// As in a socket, whose own layers are around those of its user.
#[tokio::test]
async fn within_a_stack() {
    let (connection, peer) = connection::pair();
    let greeting = layer_fn(Greeting::new);
    let connection = connection.with_identity("bob");
    let mut connection = AcknowledgeLayer::new().layer(greeting.layer(connection));
    assert_eq!(connection.get_ref().identity().as_bytes(), b"bob");
    let id = aiomsg_core::MessageId::from_bytes([1; 16]);
    peer.receive(Frame::data("hello alice"));
    peer.receive(Frame::request(id, "job"));
    assert!(connection.next().await.unwrap().is_ok());
    connection.flush().await.unwrap();
    let expected = [Frame::data("hello bob"), Frame::ack(id)];
    assert_eq!(peer.take_sent(), expected);
}

//! With a connection of channels, and a clock that stands still until it is
//! moved.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::*;
use aiomsg_core::connection::{FrameStream, OneByOne};
use aiomsg_core::{Error, Frame, Link};
use futures::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use tokio::time::{Instant, sleep, timeout};
use tower::Layer;

/// A peer that the test plays.
#[derive(Clone, Default)]
pub(super) struct Mock(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    incoming: VecDeque<Frame>,
    outgoing: Vec<(Instant, Frame)>,
    /// The peer takes nothing.
    blocked: bool,
    /// There is no room for a frame.
    full: bool,
    waker: Option<Waker>,
}

impl Mock {
    pub(super) fn receive(&self, frame: Frame) {
        let mut state = self.0.lock().unwrap();
        state.incoming.push_back(frame);
        if let Some(a) = state.waker.take() {
            Waker::wake(a);
        }
    }

    pub(super) fn fill(&self) {
        let mut state = self.0.lock().unwrap();
        (state.full, state.blocked) = (true, true);
    }

    pub(super) fn block(&self) {
        self.0.lock().unwrap().blocked = true;
    }

    pub(super) fn sent(&self) -> Vec<(Instant, Frame)> {
        std::mem::take(&mut self.0.lock().unwrap().outgoing)
    }
}

impl Stream for Mock {
    type Item = Result<Frame, Error>;
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.0.lock().unwrap();
        match state.incoming.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Sink<Frame> for Mock {
    type Error = Error;
    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self.0.lock().unwrap().full {
            true => Poll::Pending,
            false => Poll::Ready(Ok(())),
        }
    }
    fn start_send(self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        self.0
            .lock()
            .unwrap()
            .outgoing
            .push((Instant::now(), frame));
        Ok(())
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.0.lock().unwrap().blocked {
            Poll::Pending
        } else {
            Poll::Ready(Ok(()))
        }
    }
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_flush(cx)
    }
}

/// A connection of the mock's, read and written frame by frame.
pub(super) type Connection = FrameStream<Heartbeat<OneByOne<Mock>>>;

pub(super) fn layered(layer: &HeartbeatLayer, mock: &Mock) -> Connection {
    FrameStream::new(layer.layer(OneByOne::new(mock.clone())))
}

fn connection() -> (Mock, Link, Connection) {
    let (mock, link) = (Mock::default(), Link::new());
    let layer = HeartbeatLayer::new().link(link.clone());
    let connection = layered(&layer, &mock);
    (mock, link, connection)
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_heartbeat_follows_five_seconds_of_silence() {
    let (mock, _, mut connection) = connection();
    let start = Instant::now();
    let feed = mock.clone();
    tokio::spawn(async move {
        loop {
            feed.receive(Frame::Heartbeat);
            sleep(SECOND).await;
        }
    });
    assert!(timeout(SECOND * 12, connection.next()).await.is_err());
    let sent: Vec<_> = mock
        .sent()
        .into_iter()
        .map(|(at, frame)| ((at - start).as_secs(), frame))
        .collect();
    assert_eq!(sent, [(5, Frame::Heartbeat), (10, Frame::Heartbeat)]);
}

#[tokio::test(start_paused = true)]
async fn sending_puts_the_heartbeat_off() {
    let (mock, _, mut connection) = connection();
    sleep(SECOND * 3).await;
    connection.send(Frame::data("x")).await.unwrap();
    let start = Instant::now();
    assert!(timeout(SECOND * 6, connection.next()).await.is_err());
    let sent = mock.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[1].0 - start, SECOND * 5);
}

#[tokio::test(start_paused = true)]
async fn fifteen_seconds_without_a_byte_are_death() {
    let (_mock, _, mut connection) = connection();
    let start = Instant::now();
    let error = connection.next().await.unwrap().unwrap_err();
    assert!(error.is_timeout());
    assert!(
        error.to_string().contains("nothing was received"),
        "{error}"
    );
    assert_eq!(start.elapsed(), SECOND * 15);
}

/// Pitfall 7: a large message on a slow link was death.
#[tokio::test(start_paused = true)]
async fn any_byte_is_life() {
    let (mock, link, mut connection) = connection();
    let feed = link.clone();
    tokio::spawn(async move {
        for _ in 0..10 {
            sleep(SECOND * 10).await;
            feed.add_received(1024);
            // A byte wakes the task that reads, though no frame is whole.
            let waker = mock.0.lock().unwrap().waker.take();
            if let Some(_waker) = waker {
                Waker::wake(_waker);
            }
        }
    });
    let start = Instant::now();
    let error = connection.next().await.unwrap().unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(start.elapsed(), SECOND * 115);
}

/// Whole frames that a layer below keeps to itself, as acknowledgements, were taken for a
/// frame that drips.
#[tokio::test(start_paused = true)]
async fn small_frames_that_others_keep_are_no_drip() {
    let (mock, link, mut connection) = connection();
    tokio::spawn(async move {
        for _ in 0..10 {
            sleep(SECOND * 4).await;
            link.add_received(25);
            link.note_frames();
            let waker = mock.0.lock().unwrap().waker.take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    });
    let start = Instant::now();
    let error = connection.next().await.unwrap().unwrap_err();
    assert!(
        error.to_string().contains("nothing was received"),
        "{error}"
    );
    assert_eq!(start.elapsed(), SECOND * 55);
}

/// Pitfall 9: the deadline ran while the application held reading back.
/// The same, when nothing had come before: the last that the stream said is
/// that it has nothing.
#[tokio::test(start_paused = true)]
async fn silence_after_the_reading_stopped_is_not_death() {
    let (_mock, _, mut connection) = connection();
    assert!(connection.next().now_or_never().is_none());
    connection.flush().await.unwrap();
    for _ in 0..100 {
        sleep(SECOND).await;
        connection.flush().await.unwrap();
    }
    let start = Instant::now();
    assert!(connection.next().await.unwrap().unwrap_err().is_timeout());
    assert_eq!(start.elapsed(), SECOND * 15);
}

#[tokio::test(start_paused = true)]
async fn silence_while_nobody_reads_is_not_death() {
    let (mock, _, mut connection) = connection();
    assert!(connection.next().now_or_never().is_none());
    mock.receive(Frame::data("x"));
    assert!(connection.next().await.unwrap().is_ok());
    // Nobody reads, but the connection is flushed, and so sends heartbeats.
    for _ in 0..100 {
        sleep(SECOND).await;
        connection.flush().await.unwrap();
    }
    assert_eq!(mock.sent().len(), 20);
    let start = Instant::now();
    assert!(connection.next().await.unwrap().unwrap_err().is_timeout());
    assert_eq!(start.elapsed(), SECOND * 15);
}

/// Pitfall 10: a peer that sends heartbeats but never reads lived for ever.
#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_dead_in_the_end() {
    let (mock, link, mut connection) = connection();
    let feed = mock.clone();
    tokio::spawn(async move {
        loop {
            sleep(SECOND).await;
            feed.receive(Frame::Heartbeat);
        }
    });
    mock.block();
    link.set_waiting(100);
    connection.feed(Frame::data("x")).await.unwrap();
    let start = Instant::now();
    let (mut sink, mut stream) = connection.split();
    let error = tokio::select! {
        flushed = sink.flush() => flushed.unwrap_err(),
        item = stream.next() => item.unwrap().unwrap_err(),
    };
    assert!(error.to_string().contains("took none"), "{error}");
    assert_eq!(start.elapsed(), SECOND * 120);
}

#[tokio::test(start_paused = true)]
async fn a_slow_peer_that_takes_something_lives() {
    let (mock, link, mut connection) = connection();
    mock.block();
    connection.feed(Frame::data("x")).await.unwrap();
    for _ in 0..100 {
        sleep(SECOND).await;
        link.add_sent(1, 10);
        assert!(connection.flush().now_or_never().is_none());
    }
}

/// Without a link, a peer that took nothing had the task woken all the time: a
/// heartbeat was due and could not be sent.
#[tokio::test(start_paused = true)]
async fn without_a_link_a_peer_that_takes_nothing_costs_no_turns() {
    let mock = Mock::default();
    let mut connection = layered(&HeartbeatLayer::new(), &mock);
    mock.fill();
    let mut polls = 0;
    let flushing = std::future::poll_fn(|cx| {
        polls += 1;
        assert!(polls < 100, "it is woken without end");
        connection.poll_flush_unpin(cx)
    });
    assert!(timeout(SECOND * 60, flushing).await.is_err());
}

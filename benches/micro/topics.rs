//! Who gets a message, by what its peer has subscribed to.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::task::{Context, Poll, Waker, ready};

use aiomsg::Error;
use aiomsg::layer::Distribute;
use aiomsg::layer::FrameStream;
use aiomsg::layer::Queue;
use aiomsg::layer::Topics;
use aiomsg::layer::{Connection, Discard, Frame, FrameSource, FrameVisitor, Identified};
use aiomsg::parts::layers::peers::Peers;
use aiomsg::parts::layers::topics::{ByTopic, TopicsConnection};
use aiomsg::{Identity, Limits, Outbound};
use bytes::Bytes;
use divan::Bencher;
use futures::channel::mpsc;
use futures::{FutureExt, StreamExt};
use tower::{Layer, Service};

/// What peers say, and nothing that is said to them.
struct Heard {
    identity: Identity,
    frames: mpsc::UnboundedReceiver<Frame>,
}

impl Identified for Heard {
    fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl Connection for Heard {
    fn poll_recv<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        while let Some(frame) = ready!(self.frames.poll_next_unpin(cx)) {
            if visitor.visit(frame).is_break() {
                return Poll::Ready(Some(Ok(())));
            }
        }
        Poll::Ready(None)
    }

    fn poll_send<S: FrameSource>(
        &mut self,
        _: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        let _ = source.feed(&mut |_| ControlFlow::Continue(()));
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }
}

struct Subscriber {
    says: mpsc::UnboundedSender<Frame>,
    connection: FrameStream<TopicsConnection<Heard>>,
    queue: Queue<Outbound>,
}

impl Subscriber {
    fn say(&mut self, first: u8, topic: &str) {
        let command = [&[first], topic.as_bytes()].concat();
        let said = self.says.unbounded_send(Frame::data(command));
        said.expect("the connection is there");
        assert!(self.connection.next().now_or_never().is_none());
    }

    /// Takes what waits for it. Says how many messages that were.
    fn take(&mut self) -> usize {
        let (mut cx, mut taken) = (Context::from_waker(Waker::noop()), VecDeque::new());
        if self.queue.poll_take(&mut cx, &mut taken).is_ready() {
            let bytes = taken.iter().map(|message| message.payload().len()).sum();
            self.queue.release(taken.len(), bytes);
        }
        taken.len()
    }
}

struct Publisher {
    distribute: Distribute<Queue<Outbound>, ByTopic>,
    subscribers: Vec<Subscriber>,
    _topics: Topics,
}

impl Publisher {
    /// With so many peers, of which each subscribes to this topic of its own.
    fn new(peers: usize, topic: impl Fn(usize) -> String) -> Self {
        let topics = Topics::new();
        let table = Peers::new(Discard::new(drop));
        let subscribers = (0..peers).map(|number| {
            let identity = Identity::random();
            let (says, frames) = mpsc::unbounded();
            let queue = Queue::new(Limits {
                items: 8192,
                bytes: 1 << 20,
            });
            table.insert(identity.clone(), queue.clone());
            let heard = Heard { identity, frames };
            let connection = FrameStream::new(topics.layer().layer(heard));
            let mut subscriber = Subscriber {
                says,
                connection,
                queue,
            };
            subscriber.say(1, &topic(number));
            subscriber
        });
        let subscribers = subscribers.collect();
        let mut publisher = Self {
            distribute: Distribute::new(&table, topics.policy()),
            subscribers,
            _topics: topics,
        };
        publisher.send("nobody wants the first one");
        publisher
    }

    fn send(&mut self, text: &'static str) {
        let mut cx = Context::from_waker(Waker::noop());
        let ready = self.distribute.poll_ready(&mut cx);
        assert!(ready.is_ready(), "there is room");
        let sent = self
            .distribute
            .call(Outbound::new(Bytes::from_static(text.as_bytes())));
        drop(sent);
    }
}

const PEERS: [usize; 3] = [16, 3_000, 30_000];

fn own(number: usize) -> String {
    format!("topic-{number}.")
}

#[divan::bench(args = PEERS)]
fn nobody_wants_it(bencher: Bencher<'_, '_>, peers: usize) {
    let mut publisher = Publisher::new(peers, own);
    bencher.bench_local(|| publisher.send("weather.rain"));
}

#[divan::bench(args = PEERS)]
fn one_wants_it(bencher: Bencher<'_, '_>, peers: usize) {
    let mut publisher = Publisher::new(peers, own);
    bencher.bench_local(|| {
        publisher.send("topic-0.news");
        assert_eq!(publisher.subscribers[0].take(), 1);
    });
}

#[divan::bench(args = PEERS)]
fn all_want_it(bencher: Bencher<'_, '_>, peers: usize) {
    let mut publisher = Publisher::new(peers, |_| "topic.".to_owned());
    let mut sent = 0;
    bencher.bench_local(|| {
        publisher.send("topic.news");
        sent += 1;
        if sent == 1_000 {
            sent = 0;
            for subscriber in &mut publisher.subscribers {
                assert_eq!(subscriber.take(), 1_000);
            }
        }
    });
}

/// A peer subscribes to its only topic and unsubscribes, with a message before
/// and behind.
#[divan::bench(args = PEERS)]
fn one_comes_and_goes_between_messages(bencher: Bencher<'_, '_>, peers: usize) {
    let mut publisher = Publisher::new(peers, own);
    bencher.bench_local(|| {
        publisher.subscribers[1].say(0, "topic-1.");
        publisher.send("topic-0.news");
        publisher.subscribers[1].say(1, "topic-1.");
        publisher.send("topic-0.news");
        assert_eq!(publisher.subscribers[0].take(), 2);
    });
}

/// The same, to what all others have subscribed to, without a message.
#[divan::bench(args = PEERS)]
fn a_subscription_to_what_all_want(bencher: Bencher<'_, '_>, peers: usize) {
    let mut publisher = Publisher::new(peers, |_| "topic.".to_owned());
    bencher.bench_local(|| {
        publisher.subscribers[1].say(0, "topic.");
        publisher.subscribers[1].say(1, "topic.");
    });
}

/// One peer does not take what it has subscribed to.
#[divan::bench(args = PEERS)]
fn nobody_wants_it_and_one_is_almost_full(bencher: Bencher<'_, '_>, peers: usize) {
    let mut publisher = Publisher::new(peers, own);
    for _ in 1..8_192 {
        publisher.send("topic-0.news");
    }
    bencher.bench_local(|| publisher.send("weather.rain"));
}

//! The spans of the socket itself: one for each connection and its stages, none for a message.

use super::*;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::set_default;
use tracing::{Metadata, Subscriber};

/// Notes the spans of the socket, each with its number, its parent and its fields.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    made: Vec<String>,
    ended: Vec<u64>,
    entered: Vec<u64>,
}

impl Spans {
    fn made(&self) -> Vec<String> {
        self.0.lock().unwrap().made.clone()
    }

    /// The names of those that have ended.
    fn ended(&self) -> Vec<String> {
        let state = self.0.lock().unwrap();
        let name = |id: &u64| {
            let line = &state.made[usize::try_from(*id).unwrap() - 1];
            line.split(' ').nth(1).unwrap().to_owned()
        };
        state.ended.iter().map(name).collect()
    }
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Spans {
    fn enabled(&self, it: &Metadata<'_>) -> bool {
        it.target() == "aiomsg::spans"
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut state = self.0.lock().unwrap();
        let parent = state.entered.last().copied().unwrap_or(0);
        let mut line = format!("{parent} {}", attributes.metadata().name());
        attributes.record(&mut Fields(&mut line));
        state.made.push(line);
        Id::from_u64(state.made.len().try_into().unwrap())
    }

    fn enter(&self, id: &Id) {
        self.0.lock().unwrap().entered.push(id.into_u64());
    }

    fn exit(&self, id: &Id) {
        let left = self.0.lock().unwrap().entered.pop();
        assert_eq!(left, Some(id.into_u64()), "spans are left in order");
    }

    fn try_close(&self, id: Id) -> bool {
        self.0.lock().unwrap().ended.push(id.into_u64());
        true
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &tracing::Event<'_>) {}
}

#[tokio::test]
async fn a_connection_has_spans_and_its_messages_have_none() {
    let spans = Spans::default();
    let _subscribed = set_default(spans.clone());
    let server = Socket::builder().identity([1; 16]).build().unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let client = Socket::builder().identity([2; 16]).build().unwrap();
    client.connect(endpoint.clone()).unwrap();
    client.send("first").await.unwrap();
    assert_eq!(within("it", server.recv()).await.unwrap(), "first");
    server.send("back").await.unwrap();
    assert_eq!(within("it", client.recv()).await.unwrap(), "back");

    let made = spans.made();
    let count = |wanted: &str| made.iter().filter(|it| it.contains(wanted)).count();
    let number = |wanted: &str| 1 + made.iter().position(|it| it.contains(wanted)).unwrap();
    let own = |number: u8| format!("{}…", format!("{number:02x}").repeat(4));
    assert_eq!(made.len(), 6, "{made:?}");
    assert_eq!(count(&format!("0 dial endpoint={endpoint}")), 1, "{made:?}");
    assert_eq!(
        count(&format!("0 accept endpoint={endpoint} remote=")),
        1,
        "{made:?}"
    );
    for around in [number(" dial "), number(" accept ")] {
        assert_eq!(count(&format!("{around} handshake")), 1, "{made:?}");
    }
    for (peer, dialled) in [(1, true), (2, false)] {
        let peer = own(peer);
        let session = format!(" session peer={peer} endpoint={endpoint} dialled={dialled}");
        assert_eq!(count(&session), 1, "{made:?}");
    }

    for _ in 0..100 {
        client.send("more").await.unwrap();
    }
    for _ in 0..100 {
        within("it", server.recv()).await.unwrap();
    }
    assert_eq!(spans.made(), made);

    client.close(PATIENCE).await;
    server.close(PATIENCE).await;
    let mut ended = spans.ended();
    ended.sort_unstable();
    assert_eq!(
        ended,
        [
            "accept",
            "dial",
            "handshake",
            "handshake",
            "session",
            "session"
        ]
    );
}

/// A failed try has a span of its own, which ends with the try.
#[tokio::test]
async fn each_failed_dial_has_a_span() {
    let spans = Spans::default();
    let _subscribed = set_default(spans.clone());
    let client = Socket::builder()
        .reconnect_delay(|_| Duration::from_millis(1))
        .build()
        .unwrap();
    let mut events = client.events();
    client.connect("mem://nobody-has-bound-this").unwrap();
    for _ in 0..2 {
        event(&mut events, "a failed dial", |it| {
            matches!(it, Event::DialFailed { .. }).then_some(())
        })
        .await;
    }
    let dials = spans.ended();
    assert!(dials.len() >= 2, "{dials:?}");
    assert!(dials.iter().all(|it| it == "dial"), "{dials:?}");
}

/// Panics wherever it is asked.
struct Panics(&'static str);

impl Panics {
    fn at(&self, place: &str) {
        assert!(self.0 != place, "as we want");
    }
}

impl Subscriber for Panics {
    fn enabled(&self, it: &Metadata<'_>) -> bool {
        it.target() == "aiomsg::spans"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        self.at("new");
        Id::from_u64(1)
    }

    fn enter(&self, _: &Id) {
        self.at("enter");
    }

    fn exit(&self, _: &Id) {
        self.at("exit");
    }

    fn try_close(&self, _: Id) -> bool {
        self.at("close");
        true
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &tracing::Event<'_>) {}
}

#[tokio::test]
async fn a_subscriber_that_panics_at_a_span_ends_no_connection() {
    for place in ["new", "enter", "exit", "close"] {
        let _subscribed = set_default(Panics(place));
        let server = Socket::new().unwrap();
        let endpoint = server.bind("127.0.0.1:0").await.unwrap();
        let client = Socket::new().unwrap();
        let mut events = client.events();
        client.connect(endpoint).unwrap();
        for _ in 0..3 {
            client.send("it").await.unwrap();
            assert_eq!(within(place, server.recv()).await.unwrap(), "it");
        }
        let report = client.close(PATIENCE).await;
        assert!(report.is_clean(), "{place}: {report:?}");
        while let Some(event) = within(place, events.next()).await {
            assert!(
                !matches!(event, Event::DialFailed { .. }),
                "{place}: {event:?}"
            );
        }
    }
}

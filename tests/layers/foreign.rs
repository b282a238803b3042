//! Layers of crates that know nothing of this one, unmodified, around both
//! paths; and `tracing`.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use super::*;
use aiomsg::{Delivery, Error, Outbound};
use tokio::time::Instant;
use tower::filter::{Filter, FilterLayer};
use tower::layer::layer_fn;
use tower::{BoxError, Service, ServiceExt};
use tower_resilience_bulkhead::{BulkheadError, BulkheadLayer, BulkheadServiceError};
use tower_resilience_circuitbreaker::{
    CircuitBreakerError, CircuitBreakerHandle, CircuitBreakerLayer,
};
use tower_resilience_ratelimiter::{RateLimiterLayer, RateLimiterServiceError};

const SECOND: Duration = Duration::from_secs(1);

/// A socket bound to loopback, and one that is connected to it.
async fn joined<S>(from: &Socket<S>, to: &Socket) {
    from.connect(to.bind("127.0.0.1:0").await.unwrap()).unwrap();
    within("the receiver", from.wait_for_peers(1))
        .await
        .unwrap();
}

async fn next(socket: &Socket) -> String {
    within("a message", socket.recv_text()).await.unwrap()
}

async fn refused(events: &mut Events) -> (Delivery, Arc<Error>) {
    event(events, "a refusal", |event| match event {
        Event::Refused { message, error } => Some((message, error)),
        _ => None,
    })
    .await
}

/// The error of the crate, which ours has as its source.
fn cause<E: std::error::Error + 'static>(error: &Error) -> &E {
    assert!(error.is_layer(), "{error}");
    let source = error.source().expect("the layer's error");
    source.downcast_ref().expect("an error of the crate")
}

// ===== circuit breaker =====

/// One that opens when two calls in a row have failed, and closes by hand.
fn breaker() -> (CircuitBreakerLayer, CircuitBreakerHandle) {
    CircuitBreakerLayer::builder()
        .consecutive_failures(2)
        .wait_duration_in_open(SECOND * 3600)
        .build_with_handle()
        .unwrap()
}

/// Refuses everything while `broken`.
fn breaks<S>(
    broken: &Arc<AtomicBool>,
) -> impl tower::Layer<S, Service = Filter<S, Breaks>> + use<S> {
    FilterLayer::new(Breaks(Arc::clone(broken)))
}

#[derive(Clone)]
struct Breaks(Arc<AtomicBool>);

impl<T> tower::filter::Predicate<T> for Breaks {
    type Request = T;

    fn check(&mut self, message: T) -> Result<T, BoxError> {
        match self.0.load(Ordering::Relaxed) {
            true => Err("the disk is full".into()),
            false => Ok(message),
        }
    }
}

#[tokio::test]
async fn a_circuit_breaker_around_the_send_path() {
    let (layer, handle) = breaker();
    let broken = Arc::new(AtomicBool::new(false));
    let sender = Socket::builder()
        .layer(layer)
        .layer(breaks(&broken))
        .build()
        .unwrap();
    let receiver = Socket::new().unwrap();
    joined(&sender, &receiver).await;
    sender.send("all is well").await.unwrap();
    assert_eq!(next(&receiver).await, "all is well");

    broken.store(true, Ordering::Relaxed);
    for payload in ["one", "two"] {
        assert!(!handle.is_open());
        let mut error = sender.send(payload).await.unwrap_err();
        let CircuitBreakerError::Inner(inner) = cause::<CircuitBreakerError<BoxError>>(&error)
        else {
            panic!("the layer below was asked: {error:?}");
        };
        assert_eq!(inner.to_string(), "the disk is full");
        assert_eq!(error.take_message().unwrap().payload(), payload);
    }
    assert!(handle.is_open());

    // The layer below would let it pass, and is not asked.
    broken.store(false, Ordering::Relaxed);
    let mut error = sender.send("three").await.unwrap_err();
    assert!(cause::<CircuitBreakerError<BoxError>>(&error).is_circuit_open());
    let message = error.take_message().unwrap();
    assert_eq!(message.payload(), "three");

    handle.force_closed().await;
    sender.send_message(message).await.unwrap();
    assert_eq!(next(&receiver).await, "three");
}

#[tokio::test]
async fn a_circuit_breaker_around_the_receive_path() {
    let (layer, handle) = breaker();
    let broken = Arc::new(AtomicBool::new(true));
    // As one layer: of layers that are added by themselves, the outer one meets an
    // `Error` of the inner one.
    let layers = tower::ServiceBuilder::new()
        .layer(layer)
        .layer(breaks(&broken))
        .into_inner();
    let receiver = Socket::builder().receive_layer(layers).build().unwrap();
    let mut events = receiver.events();
    let sender = Socket::new().unwrap();
    joined(&sender, &receiver).await;
    for payload in ["one", "two"] {
        sender.send(payload).await.unwrap();
        let (message, error) = refused(&mut events).await;
        assert_eq!(message.payload(), payload);
        let error = cause::<CircuitBreakerError<BoxError>>(&error);
        assert_eq!(error.to_string(), "inner service error: the disk is full");
    }
    assert!(handle.is_open());

    broken.store(false, Ordering::Relaxed);
    sender.send("three").await.unwrap();
    let (message, error) = refused(&mut events).await;
    assert_eq!(message.payload(), "three");
    assert!(cause::<CircuitBreakerError<BoxError>>(&error).is_circuit_open());

    handle.force_closed().await;
    sender.send("four").await.unwrap();
    assert_eq!(next(&receiver).await, "four");
}

// ===== bulkhead =====

/// A layer that holds each message up at the gate.
fn held<S, R>(
    gate: &Gate,
) -> impl tower::Layer<
    S,
    Service: Service<R, Response = S::Response, Error = S::Error, Future: Send> + Clone + Send,
> + use<S, R>
where
    S: Service<R, Future: Send> + Clone + Send + 'static,
    R: Send + 'static,
{
    let gate = gate.clone();
    layer_fn(move |inner: S| {
        let gate = gate.clone();
        tower::service_fn(move |message: R| {
            let (gate, inner) = (gate.clone(), inner.clone());
            async move {
                gate.pass().await;
                inner.oneshot(message).await
            }
        })
    })
}

#[tokio::test]
async fn a_bulkhead_around_the_send_path() {
    let gate = Gate::new();
    let full = BulkheadLayer::builder()
        .max_concurrent_calls(2)
        .reject_when_full();
    let sender = Socket::builder()
        .layer(full.build().unwrap())
        .layer(held::<aiomsg::send::StandardSend, Outbound>(&gate))
        .build()
        .unwrap();
    let receiver = Socket::new().unwrap();
    joined(&sender, &receiver).await;
    let mut sending = Vec::new();
    for payload in ["one", "two"] {
        let sender = sender.clone();
        sending.push(tokio::spawn(async move { sender.send(payload).await }));
        gate.come(1).await;
    }
    let mut error = sender.send("three").await.unwrap_err();
    let bulkhead = cause::<BulkheadServiceError<Error>>(&error);
    assert!(matches!(
        bulkhead.bulkhead_error(),
        Some(BulkheadError::Timeout)
    ));
    assert_eq!(error.take_message().unwrap().payload(), "three");

    gate.let_go(3);
    for sent in sending {
        within("the send", sent).await.unwrap().unwrap();
    }
    sender.send("four").await.unwrap();
    for expected in ["one", "two", "four"] {
        assert_eq!(next(&receiver).await, expected);
    }
}

#[tokio::test]
async fn a_bulkhead_around_the_receive_path() {
    let gate = Gate::new();
    let two = BulkheadLayer::builder()
        .max_concurrent_calls(2)
        .backpressure();
    let (layer, handle) = two.build_with_handle().unwrap();
    let receiver = Socket::builder()
        .receive_layer(layer)
        .receive_layer(held::<aiomsg::layer::ReceivePath, Delivery>(&gate))
        .build()
        .unwrap();
    // Five connections, as one has only one message in the stack.
    let endpoint = receiver.bind("127.0.0.1:0").await.unwrap();
    let senders: Vec<_> = (0..5).map(|_| Socket::new().unwrap()).collect();
    for sender in &senders {
        sender.connect(endpoint.clone()).unwrap();
        sender.send("x").await.unwrap();
    }
    gate.come(2).await;
    assert_eq!(handle.available_permits(), 0);
    for _ in 0..3 {
        gate.let_go(1);
        next(&receiver).await;
        gate.come(1).await;
    }
    gate.let_go(2);
    next(&receiver).await;
    next(&receiver).await;
    assert_eq!(gate.most(), 2);
}

// ===== rate limiter =====

#[tokio::test(start_paused = true)]
async fn a_rate_limiter_around_the_send_path() {
    let two_a_second = RateLimiterLayer::builder()
        .limit_for_period(2)
        .refresh_period(SECOND)
        .backpressure();
    let sender = Socket::builder()
        .layer(two_a_second.build().unwrap())
        .build()
        .unwrap();
    let receiver = Socket::new().unwrap();
    joined(&sender, &receiver).await;
    let start = Instant::now();
    // From as many tasks: who waits for the limiter is not forgotten.
    for n in 0..7 {
        let sender = sender.clone();
        tokio::spawn(async move { sender.send(n.to_string()).await });
    }
    for n in 0..7 {
        assert_eq!(next(&receiver).await, n.to_string());
    }
    assert!(start.elapsed() >= SECOND * 3, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_rate_limiter_around_the_receive_path() {
    let two_an_hour = RateLimiterLayer::builder()
        .limit_for_period(2)
        .refresh_period(SECOND * 3600)
        .timeout_duration(Duration::ZERO);
    let receiver = Socket::builder()
        .receive_layer(two_an_hour.build().unwrap())
        .build()
        .unwrap();
    let mut events = receiver.events();
    let sender = Socket::new().unwrap();
    joined(&sender, &receiver).await;
    for payload in ["one", "two", "three"] {
        sender.send(payload).await.unwrap();
    }
    let (message, error) = refused(&mut events).await;
    assert_eq!(message.payload(), "three");
    assert_eq!(message.from(), sender.identity());
    assert!(cause::<RateLimiterServiceError<Error>>(&error).is_rate_limited());
    assert_eq!(next(&receiver).await, "one");
    assert_eq!(next(&receiver).await, "two");
}

// ===== all at once =====

/// One around the other, with one of tower's in between.
#[tokio::test]
async fn a_stack_of_layers_from_several_crates() {
    let many = 1000;
    let breaker = || CircuitBreakerLayer::builder().build().unwrap();
    let bulkhead = || {
        let layer = BulkheadLayer::builder().max_concurrent_calls(many);
        layer.build().unwrap()
    };
    let limiter = || {
        let layer = RateLimiterLayer::builder().limit_for_period(many);
        layer.refresh_period(SECOND * 3600).build().unwrap()
    };
    let sender = Socket::builder()
        .layer(breaker())
        .layer(tower::timeout::TimeoutLayer::new(SECOND * 20))
        .layer(limiter())
        .layer(bulkhead())
        .build()
        .unwrap();
    let receiver = Socket::builder()
        .receive_layer(limiter())
        .receive_layer(tower::limit::ConcurrencyLimitLayer::new(many))
        .receive_layer(breaker())
        .receive_layer(bulkhead())
        .build()
        .unwrap();
    joined(&sender, &receiver).await;
    for n in 0..100 {
        sender.send(n.to_string()).await.unwrap();
    }
    for n in 0..100 {
        assert_eq!(next(&receiver).await, n.to_string());
    }
}

// ===== tracing =====

/// Puts each message into a span of its own: all of a layer that a program
/// needs for that.
#[derive(Clone, Copy)]
struct SpanLayer<F>(F);

impl<S, F: Clone> tower::Layer<S> for SpanLayer<F> {
    type Service = InSpan<S, F>;

    fn layer(&self, inner: S) -> InSpan<S, F> {
        InSpan {
            inner,
            span: self.0.clone(),
        }
    }
}

#[derive(Clone)]
struct InSpan<S, F> {
    inner: S,
    span: F,
}

impl<S, F, R> Service<R> for InSpan<S, F>
where
    S: Service<R>,
    F: Fn(&R) -> tracing::Span,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = tracing::instrument::Instrumented<S::Future>;

    fn poll_ready(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, message: R) -> Self::Future {
        use tracing::Instrument;
        let span = (self.span)(&message);
        let future = span.in_scope(|| self.inner.call(message));
        future.instrument(span)
    }
}

/// A layer within, that says something before and after it has waited.
fn talks<S, R>(
    gate: &Gate,
) -> impl tower::Layer<
    S,
    Service: Service<R, Response = S::Response, Error = S::Error, Future: Send> + Clone + Send,
> + use<S, R>
where
    S: Service<R, Future: Send> + Clone + Send + 'static,
    R: Payload + Send + 'static,
{
    let gate = gate.clone();
    layer_fn(move |inner: S| {
        let gate = gate.clone();
        tower::service_fn(move |message: R| {
            let (gate, inner) = (gate.clone(), inner.clone());
            let payload = message.text();
            tracing::info!(target: "foreign", payload, "called");
            async move {
                tracing::info!(target: "foreign", payload, "begins");
                gate.pass().await;
                let result = inner.oneshot(message).await;
                tracing::info!(target: "foreign", payload, "done");
                result
            }
        })
    })
}

trait Payload {
    fn text(&self) -> String;
}

impl Payload for Outbound {
    fn text(&self) -> String {
        String::from_utf8_lossy(self.payload()).into_owned()
    }
}

impl Payload for Delivery {
    fn text(&self) -> String {
        String::from_utf8_lossy(self.payload()).into_owned()
    }
}

/// Notes the events of this test, each with the spans that it is in.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Noted>>);

#[derive(Default)]
struct Noted {
    spans: HashMap<u64, String>,
    /// Those that are entered, the innermost last. There is one thread.
    entered: Vec<u64>,
    events: Vec<(String, String)>,
}

/// What was noted, as `name{field=value}`.
struct Fields(String);

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "message" => self.0 = format!("{value:?}{}", self.0),
            name => self.0 += &format!("{{{name}={value:?}}}"),
        }
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

impl tracing::Subscriber for Notes {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "foreign"
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        let mut fields = Fields(span.metadata().name().to_owned());
        span.record(&mut fields);
        let mut noted = self.0.lock().unwrap();
        let id = noted.spans.len() as u64 + 1;
        noted.spans.insert(id, fields.0);
        tracing::span::Id::from_u64(id)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        let mut noted = self.0.lock().unwrap();
        let spans: Vec<_> = noted.entered.iter().map(|id| &*noted.spans[id]).collect();
        let spans = spans.join("/");
        noted.events.push((fields.0, spans));
    }

    fn enter(&self, span: &tracing::span::Id) {
        self.0.lock().unwrap().entered.push(span.into_u64());
    }

    fn exit(&self, span: &tracing::span::Id) {
        let left = self.0.lock().unwrap().entered.pop();
        assert_eq!(left, Some(span.into_u64()));
    }
}

impl Notes {
    /// Each message was talked of three times, in a span of its own.
    fn check(&self, spans: &[String]) {
        let noted = self.0.lock().unwrap();
        assert!(noted.entered.is_empty());
        assert_eq!(noted.events.len(), spans.len() * 3, "{:?}", noted.events);
        for (n, span) in spans.iter().enumerate() {
            let payload = format!("{{payload={n}}}");
            let of_this = noted.events.iter().filter_map(|(event, spans)| {
                let event = event.strip_suffix(&payload)?;
                Some((event, &**spans))
            });
            let expected = ["called", "begins", "done"].map(|event| (event, &**span));
            assert_eq!(of_this.collect::<Vec<_>>(), expected);
        }
        assert_eq!(noted.spans.len(), spans.len(), "a span each");
    }
}

#[tokio::test]
async fn each_message_that_is_sent_has_a_span_of_its_own() {
    let notes = Notes::default();
    let _noting = tracing::subscriber::set_default(notes.clone());
    let gate = Gate::new();
    let sender = Socket::builder()
        .layer(SpanLayer(|message: &Outbound| {
            let bytes = message.payload().len();
            tracing::info_span!(target: "foreign", "send", payload = message.text(), bytes)
        }))
        .layer(talks::<aiomsg::send::StandardSend, Outbound>(&gate))
        .build()
        .unwrap();
    let receiver = Socket::new().unwrap();
    joined(&sender, &receiver).await;
    // All are begun before one is done.
    let mut sending = Vec::new();
    for n in 0..3 {
        let sender = sender.clone();
        sending.push(tokio::spawn(
            async move { sender.send(n.to_string()).await },
        ));
        gate.come(1).await;
    }
    gate.let_go(3);
    for sent in sending {
        within("the send", sent).await.unwrap().unwrap();
        next(&receiver).await;
    }
    let span = |n| format!("send{{payload={n}}}{{bytes=1}}");
    notes.check(&(0..3).map(span).collect::<Vec<_>>());
}

#[tokio::test]
async fn each_message_that_is_received_has_a_span_of_its_own() {
    let notes = Notes::default();
    let _noting = tracing::subscriber::set_default(notes.clone());
    let gate = Gate::new();
    let receiver = Socket::builder()
        .receive_layer(SpanLayer(|message: &Delivery| {
            let from = message.from();
            tracing::info_span!(target: "foreign", "receive", %from)
        }))
        .receive_layer(talks::<aiomsg::layer::ReceivePath, Delivery>(&gate))
        .build()
        .unwrap();
    // From three connections, so that all are begun before one is done.
    let endpoint = receiver.bind("127.0.0.1:0").await.unwrap();
    let mut senders = Vec::new();
    for n in 0..3 {
        let sender = Socket::new().unwrap();
        sender.connect(endpoint.clone()).unwrap();
        sender.send(n.to_string()).await.unwrap();
        gate.come(1).await;
        senders.push(sender);
    }
    gate.let_go(3);
    for _ in &senders {
        next(&receiver).await;
    }
    let span = |sender: &Socket| format!("receive{{from={}}}", sender.identity());
    notes.check(&senders.iter().map(span).collect::<Vec<_>>());
}

//! Layers of crates that know nothing of this one, unmodified, around both
//! paths; and `tracing`.

mod spans;

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

//! The layer alone, and in a socket.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use aiomsg::metrics::{Direction, MetricsLayer};
use aiomsg::{Delivery, Error, ErrorKind, Identity, Outbound};
use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use tokio::time::sleep;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use super::*;

/// A layer around a function that is called with each message.
fn around<F, Fut, R, E>(
    call: F,
) -> (
    impl Service<Outbound, Response = R, Error = Error> + Clone,
    Series,
)
where
    F: FnMut(Outbound) -> Fut + Clone,
    Fut: Future<Output = Result<R, E>>,
    E: Into<aiomsg::layer::BoxError>,
{
    recorded(|| MetricsLayer::send().layer(service_fn(call)))
}

#[tokio::test(start_paused = true)]
async fn messages_bytes_and_times_are_recorded() {
    let (service, mut series) = around(async |_| {
        sleep(Duration::from_millis(250)).await;
        Ok::<_, Infallible>(())
    });
    for payload in ["four", "seven.."] {
        let sent = service.clone().oneshot(Outbound::new(payload)).await;
        sent.unwrap();
    }
    series.look();
    let send = r#"{direction="send"}"#;
    let messages = series.counter(&format!("aiomsg_layer_messages_total{send}"));
    let bytes = series.counter(&format!("aiomsg_layer_bytes_total{send}"));
    assert_eq!((messages, bytes), (2, 11));
    let times = series.histogram(&format!("aiomsg_layer_call_seconds{send}"));
    assert_eq!(times, [0.25, 0.25]);
}

/// The kind of an error is a label: that of ours, that of tower's timeout, and one for all
/// others.
#[tokio::test(start_paused = true)]
async fn errors_are_counted_by_their_kind() {
    let (service, mut series) = around(async |message: Outbound| match &message.payload()[..] {
        b"full" => Err(Error::new(ErrorKind::Limit).into()),
        b"slow" => Err(tower::timeout::error::Elapsed::new().into()),
        _ => Err::<(), aiomsg::layer::BoxError>("no luck".into()),
    });
    for (payload, kind) in [
        ("full", ErrorKind::Limit),
        ("slow", ErrorKind::Timeout),
        ("other", ErrorKind::Layer),
        ("another", ErrorKind::Layer),
    ] {
        let error = service.clone().oneshot(Outbound::new(payload)).await;
        assert_eq!(error.unwrap_err().kind(), kind);
    }
    series.look();
    let errors = |reason: &str| {
        let labels = format!(r#"{{direction="send",reason="{reason}"}}"#);
        series.counter(&format!("aiomsg_layer_errors_total{labels}"))
    };
    assert_eq!(
        [errors("limit"), errors("timeout"), errors("layer")],
        [1, 1, 2]
    );
    assert_eq!(errors("closed"), 0, "a series before its first error");
}

/// A service below that fails as it becomes ready gets no message, and that is an error as well.
#[tokio::test]
async fn an_error_of_readiness_is_counted() {
    struct Broken;

    impl Service<Outbound> for Broken {
        type Response = ();
        type Error = std::io::Error;
        type Future = std::future::Ready<Result<(), Self::Error>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Err(std::io::ErrorKind::BrokenPipe.into()))
        }

        fn call(&mut self, _: Outbound) -> Self::Future {
            panic!("it is not ready")
        }
    }

    let (mut service, mut series) = recorded(|| MetricsLayer::send().layer(Broken));
    let error = ServiceExt::<Outbound>::ready(&mut service).await.map(drop);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Layer);
    series.look();
    let name = r#"aiomsg_layer_errors_total{direction="send",reason="layer"}"#;
    assert_eq!(series.counter(name), 1);
    let messages = r#"aiomsg_layer_messages_total{direction="send"}"#;
    assert_eq!(series.counter(messages), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_is_a_message_and_nothing_else() {
    let (service, mut series) = around(async |_| {
        std::future::pending::<()>().await;
        Ok::<_, Infallible>(())
    });
    let call = service.oneshot(Outbound::new("never"));
    let ended = tokio::time::timeout(Duration::from_secs(1), call).await;
    assert!(ended.is_err());
    series.look();
    let send = r#"{direction="send"}"#;
    assert_eq!(
        series.counter(&format!("aiomsg_layer_messages_total{send}")),
        1
    );
    let times = series.histogram(&format!("aiomsg_layer_call_seconds{send}"));
    assert_eq!(times, [0.0; 0]);
}

/// The counters count all messages of a flood, the last ones some 10 ms later. Few are timed.
#[tokio::test(start_paused = true)]
async fn a_flood_is_counted_in_full_and_timed_in_part() {
    let (mut service, mut series) = around(async |_| Ok::<_, Infallible>(()));
    for _ in 0..100_000 {
        let ready = service.ready().await.unwrap();
        ready.call(Outbound::new("x")).await.unwrap();
    }
    sleep(Duration::from_millis(11)).await;
    series.look();
    let send = r#"{direction="send"}"#;
    let messages = series.counter(&format!("aiomsg_layer_messages_total{send}"));
    assert_eq!(messages, 100_000);
    let times = series.histogram(&format!("aiomsg_layer_call_seconds{send}"));
    assert_eq!(times.len(), 1_000 + 99_000 / 64);
}

/// A layer that is gone has counted everything, and so has one whose runtime has ended.
#[test]
fn no_count_of_a_flood_is_lost_with_the_layer_or_the_runtime() {
    let (mut service, mut series) = around(async |_| Ok::<_, Infallible>(()));
    let mut counted = || {
        series.look();
        let send = r#"{direction="send"}"#;
        series.counter(&format!("aiomsg_layer_bytes_total{send}"))
    };
    let mut flood = |messages: usize| {
        for _ in 0..messages {
            let call = service.call(Outbound::new("xyz"));
            futures::executor::block_on(call).unwrap();
        }
    };
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let first = runtime();
    first.block_on(async { flood(10_000) });
    drop(first);
    assert_eq!(counted(), 30_000);
    // Without a runtime, nobody could count later.
    flood(10_000);
    assert_eq!(counted(), 30_000);
    let second = runtime();
    second.block_on(async { flood(10_000) });
    // One without timers has nobody who counts later.
    let bare = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    bare.block_on(async { flood(10_000) });
    drop(service);
    assert_eq!(counted(), 60_000);
}

/// Its counters panic.
struct Panics;

impl CounterFn for Panics {
    fn increment(&self, _: u64) {
        panic!("this recorder panics");
    }

    fn absolute(&self, _: u64) {}
}

impl Recorder for Panics {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(Panics))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test(start_paused = true)]
async fn a_recorder_that_panics_costs_no_message_and_no_process() {
    let layer = metrics::with_local_recorder(&Panics, MetricsLayer::send);
    let mut service = layer.layer(service_fn(async |_: Outbound| Ok::<_, Infallible>(())));
    for _ in 0..10_000 {
        let ready = service.ready().await.unwrap();
        ready.call(Outbound::new("x")).await.unwrap();
    }
    sleep(Duration::from_millis(11)).await;
    service.call(Outbound::new("x")).await.unwrap();
    // Its last counts are told while a panic unwinds.
    let ended = tokio::spawn(async move {
        let _service = service;
        panic!("another one");
    });
    assert!(ended.await.unwrap_err().is_panic());
}

#[tokio::test]
async fn both_paths_of_a_socket_are_measured() {
    let (receiver, endpoint, mut received) = {
        let (socket, series) = recorded(|| {
            let layer = MetricsLayer::with_labels(Direction::Receive, &[("socket", "jobs")]);
            Socket::builder().receive_layer(layer).build().unwrap()
        });
        let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
        (socket, endpoint, series)
    };
    let (sender, mut sent) = recorded(|| {
        let builder = Socket::builder().layer(MetricsLayer::send());
        builder.build().unwrap()
    });
    sender.connect(endpoint).unwrap();
    for payload in ["one", "two"] {
        sender.send(payload).await.unwrap();
        let message = within("it", receiver.recv()).await.unwrap();
        assert_eq!(message, payload);
    }
    sent.look();
    received.look();
    let send = r#"{direction="send"}"#;
    assert_eq!(
        sent.counter(&format!("aiomsg_layer_messages_total{send}")),
        2
    );
    let receive = r#"{direction="receive",socket="jobs"}"#;
    let of = |what: &str| received.counter(&format!("aiomsg_layer_{what}_total{receive}"));
    assert_eq!((of("messages"), of("bytes")), (2, 6));
}

/// With the layer, a message that its socket does not take comes back as without it.
#[tokio::test]
async fn a_refused_message_comes_back_through_the_layer() {
    let (sender, mut series) = recorded(|| {
        let builder = Socket::builder().layer(MetricsLayer::send());
        builder.build().unwrap()
    });
    sender.close(Duration::ZERO).await;
    let message = Outbound::new("back").to(Identity::random());
    let mut error = sender.send_message(message).await.unwrap_err();
    assert!(error.is_closed());
    assert_eq!(error.take_message().unwrap().payload(), "back");
    series.look();
}

#[tokio::test]
async fn a_handler_is_timed_and_its_errors_are_counted() {
    let (handler, mut series) = recorded(|| {
        ServiceBuilder::new()
            .layer(MetricsLayer::receive())
            .service(service_fn(async |job: Delivery| {
                match job.payload() == "bad" {
                    true => Err(Error::new(ErrorKind::Payload)),
                    false => Ok("done"),
                }
            }))
    });
    let (server, endpoint) = bound().await;
    let mut events = server.events();
    let serving = tokio::spawn(server.serve(handler));
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    client.send("good").await.unwrap();
    assert_eq!(within("it", client.recv()).await.unwrap(), "done");
    client.send("bad").await.unwrap();
    let refused = |it: &Event| matches!(it, Event::Refused { .. });
    event(&mut events, "the refusal", refused).await;
    series.look();
    let labels = r#"{direction="receive",reason="payload"}"#;
    let errors = series.counter(&format!("aiomsg_layer_errors_total{labels}"));
    assert_eq!(errors, 1);
    let times = series.histogram(r#"aiomsg_layer_call_seconds{direction="receive"}"#);
    assert_eq!(times.len(), 2);
    server.close(Duration::ZERO).await;
    within("the end", serving).await.unwrap().unwrap();
}

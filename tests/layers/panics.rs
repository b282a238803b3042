//! A panic in what is a user's costs one try or one message, is told of, and the
//! socket goes on.

use std::collections::HashSet;
use std::sync::Mutex;
use std::task::{Context, Poll};

use super::*;
use aiomsg::layer::BoxError;
use aiomsg::layer::FrameHook;
use aiomsg::layer::Hooked;
use aiomsg::layer::{PeerSet, Pick, Policy};
use aiomsg::message::DropReason;
use aiomsg::peer::CertifiedIdentityLayer;
use aiomsg::{Delivery, Error, Outbound};
use futures::SinkExt;
use tower::layer::layer_fn;
use tower::{Layer, Service, service_fn};

const MOMENT: Duration = Duration::from_millis(20);

/// What went wrong with a try to connect.
async fn dial_failed(events: &mut Events) -> String {
    event(events, "a failed try", |event| match event {
        Event::DialFailed { error, .. } => Some(error.to_string()),
        _ => None,
    })
    .await
}

async fn talk(from: &Socket<impl aiomsg::layer::SendService + Send>, to: &Socket) {
    from.send("hello").await.unwrap();
    assert_eq!(within("a message", to.recv()).await.unwrap(), "hello");
}

/// Panics the first time, and is true then.
fn once() -> impl Fn() -> bool + Send + Sync + 'static {
    let before = AtomicUsize::new(0);
    move || {
        assert!(before.fetch_add(1, Ordering::Relaxed) > 0, "as we want");
        true
    }
}

// ===== dialling =====

/// It ended the task that connects, and the socket was deaf without a word.
#[tokio::test]
async fn a_delay_function_that_panics_is_an_event_and_connecting_goes_on() {
    let (server, endpoint) = receiver().await;
    server.unbind(endpoint.clone()).await.unwrap();
    let socket = Socket::builder()
        .reconnect_delay(|_| panic!("as we want"))
        .build()
        .unwrap();
    let mut events = socket.events();
    socket.connect(endpoint.clone()).unwrap();
    let mut told = HashSet::new();
    while told.len() < 2 {
        told.insert(dial_failed(&mut events).await);
    }
    let says = |what| told.iter().any(|it| it.contains(what));
    assert!(says("the delay function panicked"), "{told:?}");
    server.bind(endpoint).await.unwrap();
    talk(&socket, &server).await;
}

#[tokio::test]
async fn a_rule_of_identities_that_panics_fails_one_try() {
    let rule = |panics: bool| {
        let fine = once();
        CertifiedIdentityLayer::names().without_certificate(move |_| !panics || fine())
    };
    for (dials, accepts) in [(true, false), (false, true)] {
        let server = Socket::builder().accept_layer(rule(accepts)).build();
        let server = server.unwrap();
        let socket = Socket::builder()
            .dial_layer(rule(dials))
            .reconnect_delay(|_| MOMENT)
            .build()
            .unwrap();
        let (mut ours, mut theirs) = (socket.events(), server.events());
        let endpoint = server.bind("127.0.0.1:0").await.unwrap();
        socket.connect(endpoint).unwrap();
        let told = match dials {
            true => dial_failed(&mut ours).await,
            false => {
                event(&mut theirs, "a refusal", |event| match event {
                    Event::AcceptFailed { error, .. } => Some(error.to_string()),
                    _ => None,
                })
                .await
            }
        };
        assert!(told.contains("the rule of identities panicked"), "{told}");
        talk(&socket, &server).await;
    }
}

/// Something of a user's whose destructor panics.
struct Breaks(bool);

impl FrameHook for Breaks {}

impl Drop for Breaks {
    fn drop(&mut self) {
        assert!(!self.0, "as we want");
    }
}

#[tokio::test]
async fn a_connection_whose_destructor_panics_is_made_anew() {
    let first = AtomicUsize::new(0);
    let socket = Socket::builder()
        .reconnect_delay(|_| MOMENT)
        .connection_layer(layer_fn(move |connection| {
            let breaks = Breaks(first.fetch_add(1, Ordering::Relaxed) == 0);
            Hooked::new(connection, breaks)
        }))
        .build()
        .unwrap();
    let (server, endpoint) = receiver().await;
    let mut events = socket.events();
    socket.connect(endpoint.clone()).unwrap();
    talk(&socket, &server).await;
    server.close(Duration::from_secs(5)).await;
    event(&mut events, "the end", |event| {
        matches!(event, Event::PeerDown { .. }).then_some(())
    })
    .await;
    let server = Socket::new().unwrap();
    server.bind(endpoint).await.unwrap();
    talk(&socket, &server).await;
}

// ===== sending =====

/// Panics on messages that say so: where they say.
#[derive(Clone)]
struct Trips<S> {
    inner: S,
    panics_in_ready: Arc<AtomicUsize>,
}

impl<S> Service<Outbound> for Trips<S>
where
    S: Service<Outbound, Future: Send + 'static, Error: Into<BoxError>>,
{
    type Response = ();
    type Error = BoxError;
    type Future = futures::future::BoxFuture<'static, Result<(), BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let left = self.panics_in_ready.swap(0, Ordering::Relaxed);
        assert_eq!(left, 0, "as we want");
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, message: Outbound) -> Self::Future {
        assert_ne!(message.payload(), "in the call", "as we want");
        if message.payload() == "in the future" {
            return Box::pin(async { panic!("as we want") });
        }
        let inner = self.inner.call(message);
        Box::pin(async move { inner.await.map(drop).map_err(Into::into) })
    }
}

#[tokio::test]
async fn a_layer_of_the_send_path_that_panics_hands_the_message_back() {
    let in_ready = Arc::new(AtomicUsize::new(0));
    let panics_in_ready = Arc::clone(&in_ready);
    let socket = Socket::builder()
        .layer(layer_fn(move |inner| Trips {
            inner,
            panics_in_ready: Arc::clone(&panics_in_ready),
        }))
        .build()
        .unwrap();
    let (server, endpoint) = receiver().await;
    socket.connect(endpoint).unwrap();
    for payload in ["in the call", "in the future", "before it"] {
        for sink in [false, true] {
            in_ready.store(usize::from(payload == "before it"), Ordering::Relaxed);
            let sent = match sink {
                false => socket.send(payload).await,
                true => SinkExt::send(&mut socket.clone(), Outbound::new(payload)).await,
            };
            let mut error = sent.unwrap_err();
            assert!(error.is_layer(), "{error}");
            assert!(error.to_string().contains("a layer panicked"), "{error}");
            assert_eq!(error.take_message().unwrap().payload(), payload);
        }
    }
    talk(&socket, &server).await;
}

#[tokio::test]
async fn a_layer_that_panics_as_it_is_built_is_an_error_of_build() {
    struct Breaks;
    impl<S> Layer<S> for Breaks {
        type Service = S;

        fn layer(&self, _: S) -> S {
            panic!("as we want")
        }
    }
    let paths = [
        Socket::builder().layer(Breaks).build().map(drop),
        Socket::builder().layer(Breaks).build_boxed().map(drop),
        Socket::builder().receive_layer(Breaks).build().map(drop),
        Socket::builder().dial_layer(Breaks).build().map(drop),
        Socket::builder().accept_layer(Breaks).build().map(drop),
    ];
    for built in paths {
        assert!(built.is_err_and(|error| error.is_layer()));
    }
}

// ===== policies =====

/// Sends to the first peer, and panics on what says so.
struct First;

impl<P> Policy<P> for First {
    fn pick(&mut self, _: &PeerSet<P>, message: &Outbound) -> Pick<'_> {
        assert!(!message.payload().starts_with(b"bad"), "as we want");
        Pick::One(0)
    }

    fn peer_came(&mut self, _: &aiomsg::Identity, _: &P) {
        panic!("as we want");
    }
}

/// The first one in the driver ended it, and nothing that waited was ever sent.
#[tokio::test]
async fn a_policy_that_panics_costs_the_message_and_not_those_that_wait() {
    let socket = Socket::builder().policy(First).build().unwrap();
    let mut events = socket.events();
    for payload in ["1", "bad", "2"] {
        socket.send(payload).await.unwrap();
    }
    let (server, endpoint) = receiver().await;
    socket.connect(endpoint).unwrap();
    let dropped = event(&mut events, "a dropped message", |event| match event {
        Event::Dropped { message, reason } => Some((message, reason)),
        _ => None,
    })
    .await;
    assert_eq!(dropped.0.payload(), "bad");
    assert_eq!(dropped.1, DropReason::PolicyFailed);
    for payload in ["1", "2"] {
        let got = within("a message", server.recv()).await.unwrap();
        assert_eq!(got, payload);
    }

    // Whoever sends hears of it.
    for payload in ["bad", "bad trap"] {
        let mut error = socket.send(payload).await.unwrap_err();
        assert!(error.to_string().contains("the policy panicked"), "{error}");
        assert_eq!(error.take_message().unwrap().payload(), payload);
    }
    socket.send("a trap").await.unwrap();
    assert_eq!(within("a message", server.recv()).await.unwrap(), "a trap");
    talk(&socket, &server).await;
}

/// Panics on each second message.
struct EachSecond(usize);

impl<P> Policy<P> for EachSecond {
    fn pick(&mut self, _: &PeerSet<P>, _: &Outbound) -> Pick<'_> {
        self.0 += 1;
        assert!(!self.0.is_multiple_of(2), "as we want");
        Pick::One(0)
    }
}

/// A panic in the resender ended resending for good.
#[tokio::test]
async fn resending_outlives_a_policy_that_panics() {
    let socket = Socket::builder()
        .policy(EachSecond(0))
        .at_least_once()
        .ack_timeout(MOMENT)
        .max_resends(1000)
        .build()
        .unwrap();
    // It takes the message, and acknowledges it when it comes for the third time.
    let seen = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&seen);
    let handler = service_fn(move |_: Delivery| {
        *counted.lock().unwrap() += 1;
        let enough = *counted.lock().unwrap() >= 3;
        async move {
            match enough {
                true => Ok(()),
                false => Err("not yet"),
            }
        }
    });
    let server = Socket::builder()
        .ack_mode(aiomsg::AckMode::Handled)
        .build()
        .unwrap();
    socket
        .connect(server.bind("127.0.0.1:0").await.unwrap())
        .unwrap();
    let serving = server.serve(handler);
    let sent = within("an acknowledgement", async {
        tokio::select! {
            sent = socket.send_acked("again") => sent,
            _ = std::future::IntoFuture::into_future(serving) => panic!("it serves on"),
        }
    });
    sent.await.unwrap();
    assert!(*seen.lock().unwrap() >= 3);
}

// ===== serving =====

/// A handler that panics as it is asked whether it is ready.
struct NeverReady;

impl Service<Delivery> for NeverReady {
    type Response = ();
    type Error = Error;
    type Future = std::future::Ready<Result<(), Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        panic!("as we want")
    }

    fn call(&mut self, _: Delivery) -> Self::Future {
        std::future::ready(Ok(()))
    }
}

#[tokio::test]
async fn a_handler_that_panics_before_it_is_ready_is_a_final_error() {
    let (server, endpoint) = receiver().await;
    let mut events = server.events();
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    client.send("work").await.unwrap();
    let log = Log::default();
    let served = {
        let _subscribed = log.subscribe();
        within("the end", async { server.serve(NeverReady).await }).await
    };
    let error = served.unwrap_err();
    assert!(error.is_layer(), "{error}");
    assert!(
        error.to_string().contains("the handler panicked"),
        "{error}"
    );
    let refused = event(&mut events, "a refused message", |event| match event {
        Event::Refused { message, error } => Some((message, error.to_string())),
        _ => None,
    })
    .await;
    assert_eq!(refused.0.payload(), "work");
    assert!(refused.1.contains("the handler panicked"), "{}", refused.1);
    let said = log.said();
    assert!(
        said.contains("WARN") && said.contains("serving ends"),
        "{said}"
    );
    // The socket goes on.
    client.send("more").await.unwrap();
    assert_eq!(within("a message", server.recv()).await.unwrap(), "more");
}

#[tokio::test]
async fn a_shutdown_signal_that_panics_ends_serving_with_an_error() {
    let (server, _) = receiver().await;
    let handler = service_fn(|_: Delivery| async { Ok::<_, Error>(()) });
    let serving = server
        .serve(handler)
        .with_graceful_shutdown(async { panic!("as we want") });
    let error = within("the end", serving).await.unwrap_err();
    assert!(
        error.to_string().contains("the shutdown signal panicked"),
        "{error}"
    );
}

// ===== logs =====

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn subscribe(&self) -> tracing::subscriber::DefaultGuard {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone());
        tracing::subscriber::set_default(subscriber.finish())
    }

    fn said(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Panics at each line.
struct Speechless;

impl tracing::Subscriber for Speechless {
    fn enabled(&self, it: &tracing::Metadata<'_>) -> bool {
        it.target().starts_with("aiomsg::")
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        panic!("as we want")
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn a_subscriber_of_logs_that_panics_ends_nothing() {
    let _subscribed = tracing::subscriber::set_default(Speechless);
    let (server, endpoint) = receiver().await;
    let socket = Socket::builder()
        .reconnect_delay(|_| MOMENT)
        .build()
        .unwrap();
    let mut events = socket.events();
    server.unbind(endpoint.clone()).await.unwrap();
    socket.connect(endpoint.clone()).unwrap();
    dial_failed(&mut events).await;
    server.bind(endpoint).await.unwrap();
    talk(&socket, &server).await;
    assert!(socket.close(Duration::from_secs(5)).await.is_clean());
}

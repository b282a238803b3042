//! Layers that fail, and layers that panic.

use super::*;

// ===== a layer that fails to become ready =====

/// Fails when it is asked whether it is ready, and counts how often it is asked.
#[derive(Clone)]
struct Moody<S> {
    inner: S,
    asked: Arc<AtomicUsize>,
}

fn moody<S>(asked: &Arc<AtomicUsize>) -> impl Layer<S, Service = Moody<S>> + use<S> {
    let asked = Arc::clone(asked);
    layer_fn(move |inner| Moody {
        inner,
        asked: Arc::clone(&asked),
    })
}

impl<S, R> Service<R> for Moody<S>
where
    S: Service<R, Error: Into<BoxError>>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ErrInto<S::Future, BoxError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Err("in a bad mood".into()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.inner.call(request).err_into()
    }
}

/// Pitfall 36. Each further try fails, and says why.
#[tokio::test]
async fn a_layer_that_fails_to_become_ready_is_not_asked_again() {
    let (dialled, accepted) = (Arc::default(), Arc::default());
    let server = Socket::builder()
        .accept_layer(moody(&accepted))
        .build()
        .unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let socket = eager().dial_layer(moody(&dialled)).build().unwrap();
    let mut ours = socket.events();
    socket.connect(endpoint.clone()).unwrap();
    let (_, error) = dial_failed(&mut ours).await;
    assert_eq!(cause(&error, &endpoint).to_string(), "in a bad mood");
    for _ in 0..2 {
        let (at, error) = dial_failed(&mut ours).await;
        assert_eq!(at, endpoint);
        assert!(error.is_layer() && error.to_string().contains("in a bad mood"));
    }
    assert_eq!(dialled.load(Ordering::Relaxed), 1);

    let (other, mut theirs) = (eager().build().unwrap(), server.events());
    other.connect(endpoint.clone()).unwrap();
    let (_, _, error) = accept_failed(&mut theirs).await;
    assert_eq!(cause(&error, &endpoint).to_string(), "in a bad mood");
    for _ in 0..2 {
        let (_, _, error) = accept_failed(&mut theirs).await;
        assert!(error.is_layer() && error.to_string().contains("in a bad mood"));
    }
    assert_eq!(accepted.load(Ordering::Relaxed), 1);
}

// ===== a layer that panics =====

/// A panic in a layer ended the task that dials: there was no event, and never
/// another try.
#[tokio::test]
async fn a_layer_that_panics_fails() {
    let once = || {
        let before = Arc::new(AtomicUsize::new(0));
        move || assert!(before.fetch_add(1, Ordering::Relaxed) > 0, "as we want")
    };
    // When it is called, and in its future.
    let (in_call, in_future) = (once(), once());
    let dial = ServiceBuilder::new()
        .map_request(move |endpoint: Endpoint| {
            in_call();
            endpoint
        })
        .map_response(move |io: Io| {
            in_future();
            io
        });
    let (in_call, in_future) = (once(), once());
    let accept = ServiceBuilder::new()
        .map_request(move |peer: Incoming| {
            in_call();
            peer
        })
        .map_response(move |io: Io| {
            in_future();
            io
        });
    let server = Socket::builder()
        .accept_layer(accept.into_inner())
        .build()
        .unwrap();
    let socket = eager().dial_layer(dial.into_inner()).build().unwrap();
    let (mut ours, mut theirs) = (socket.events(), server.events());
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    socket.connect(endpoint.clone()).unwrap();
    for _ in 0..2 {
        let (at, error) = dial_failed(&mut ours).await;
        assert_eq!(at, endpoint);
        assert!(error.to_string().contains("a layer panicked"), "{error}");
    }
    for _ in 0..2 {
        let (at, _, error) = accept_failed(&mut theirs).await;
        assert_eq!(at, endpoint);
        assert!(error.to_string().contains("a layer panicked"), "{error}");
    }
    within("the server", socket.wait_for_peers(1))
        .await
        .unwrap();
    talk(&socket, &server).await;
}

//! How serving ends.

use super::*;

#[tokio::test]
async fn a_graceful_shutdown_finishes_what_it_began() {
    let (server, endpoint) = server().await;
    let gate = Gate::new();
    let (shut_down, signal) = oneshot::channel::<()>();
    let serve = server
        .serve(held(&gate))
        .concurrency(3)
        .with_graceful_shutdown(async {
            signal.await.unwrap();
        });
    let serving = spawn(serve);
    let client = patient(&endpoint).await;
    for payload in ["one", "two", "three", "four"] {
        client.send(payload).await.unwrap();
    }
    gate.come(3).await;
    until("the last", || server.stats().unreceived_messages == 1).await;
    shut_down.send(()).unwrap();
    yield_now().await;
    assert!(!serving.is_finished());

    gate.let_go(3);
    ended(serving).await.unwrap();
    for expected in ["ONE", "TWO", "THREE"] {
        assert_eq!(next(&client).await, expected);
    }
    until("three acknowledgements", || unacknowledged(&client) == 1).await;
    assert_eq!(server.stats().refused_messages, 0);

    // The last was not begun, and is there for others.
    assert_eq!(next(&server).await, "four");
    acknowledged(&client).await;
}

/// A message that waits for the handler is neither begun nor in the inbox.
#[tokio::test]
async fn a_message_that_waited_for_the_handler_at_the_shutdown_is_reported() {
    let (server, endpoint) = server().await;
    let mut events = server.events();
    let (_tell, handler) = when_told();
    let (shut_down, signal) = oneshot::channel::<()>();
    let serve = server.serve(handler).with_graceful_shutdown(async {
        signal.await.unwrap();
    });
    let serving = spawn(serve);
    let client = patient(&endpoint).await;
    client.send("early").await.unwrap();
    until("it to be taken", || {
        let stats = server.stats();
        (stats.received_messages, stats.unreceived_messages) == (1, 0)
    })
    .await;
    shut_down.send(()).unwrap();
    ended(serving).await.unwrap();
    let (message, error) = refused(&mut events).await;
    assert_eq!(message.payload(), "early");
    assert!(error.is_closed(), "{error}");
    still_unacknowledged(&server, &client, 1).await;
}

/// Tells when it is dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn dropping_the_future_reports_what_was_being_handled() {
    let (server, endpoint) = server().await;
    let mut events = server.events();
    let gate = Gate::new();
    let dropped = Arc::new(AtomicUsize::new(0));
    let (held, dropping) = (gate.clone(), Arc::clone(&dropped));
    let never_done = service_fn(move |_: Delivery| {
        let guard = Dropped(Arc::clone(&dropping));
        let gate = held.clone();
        async move {
            let _guard = guard;
            gate.pass().await;
            Ok::<_, Error>(())
        }
    });
    let serving = spawn(server.serve(never_done).concurrency(2));
    let client = patient(&endpoint).await;
    for payload in ["one", "two", "three"] {
        client.send(payload).await.unwrap();
    }
    gate.come(2).await;
    until("the last", || server.stats().unreceived_messages == 1).await;

    serving.abort();
    let mut reported = Vec::new();
    for _ in 0..2 {
        let (message, error) = refused(&mut events).await;
        assert!(error.is_closed(), "{error}");
        reported.push(message.into_payload());
    }
    reported.sort();
    assert_eq!(reported, ["one", "two"]);
    until("the handlers' end", || dropped.load(Ordering::Relaxed) == 2).await;
    still_unacknowledged(&server, &client, 3).await;

    // Somebody else goes on with the rest.
    spawn(server.serve(shout()));
    assert_eq!(next(&client).await, "THREE");
    until("one acknowledgement", || unacknowledged(&client) == 2).await;
}

/// Ready once, and never again.
struct Once {
    gate: Gate,
    called: bool,
}

impl Service<Delivery> for Once {
    type Response = &'static str;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<&'static str, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(match self.called {
            true => Err("the database is gone".into()),
            false => Ok(()),
        })
    }

    fn call(&mut self, _: Delivery) -> Self::Future {
        self.called = true;
        let gate = self.gate.clone();
        Box::pin(async move {
            gate.pass().await;
            Ok("done")
        })
    }
}

#[tokio::test]
async fn a_handler_that_fails_to_become_ready_ends_it() {
    let (server, endpoint) = server().await;
    let mut events = server.events();
    let gate = Gate::new();
    let once = Once {
        gate: gate.clone(),
        called: false,
    };
    let serving = spawn(server.serve(once));
    let client = patient(&endpoint).await;
    for payload in ["one", "two"] {
        client.send(payload).await.unwrap();
    }
    gate.come(1).await;
    until("the second to be taken", || {
        let stats = server.stats();
        (stats.received_messages, stats.unreceived_messages) == (2, 0)
    })
    .await;
    assert!(!serving.is_finished(), "it finishes what it began");

    gate.let_go(1);
    let error = ended(serving).await.unwrap_err();
    assert!(error.is_layer());
    assert_eq!(error.source().unwrap().to_string(), "the database is gone");
    assert_eq!(next(&client).await, "done");
    let (message, _) = refused(&mut events).await;
    assert_eq!(message.payload(), "two");
    until("one acknowledgement", || unacknowledged(&client) == 1).await;
    still_unacknowledged(&server, &client, 1).await;
}

/// `close` does not wait for handlers: whoever wants that shuts down first.
#[tokio::test]
async fn a_close_ends_it_when_all_that_was_begun_is_done() {
    let (server, endpoint) = server().await;
    let mut events = server.events();
    let gate = Gate::new();
    let serving = spawn(server.serve(held(&gate)).concurrency(1));
    let client = plain(&endpoint).await;
    for payload in ["one", "two"] {
        client.send(payload).await.unwrap();
    }
    gate.come(1).await;
    until("the second", || server.stats().unreceived_messages == 1).await;
    within("the close", server.close(SECOND * 20)).await;
    assert!(!serving.is_finished());
    gate.let_go(2);
    ended(serving).await.unwrap();
    // Both were handled, and there was nobody left to be told.
    gate.come(1).await;
    while let Some(event) = events.next().await {
        assert!(!matches!(event, Event::Refused { .. }), "{event:?}");
    }
    assert_eq!(server.stats().dropped_messages, 2);
}

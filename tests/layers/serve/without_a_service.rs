//! Messages that are acknowledged by hand.

use super::*;

// ===== without a service =====

#[tokio::test]
async fn a_message_is_acknowledged_when_its_receiver_says_so() {
    let (server, endpoint) = server().await;
    let client = patient(&endpoint).await;
    for payload in ["one", "two"] {
        client.send(payload).await.unwrap();
    }
    let one = within("a message", server.recv_message()).await.unwrap();
    let two = within("a message", server.recv_message()).await.unwrap();
    still_unacknowledged(&server, &client, 2).await;
    // In any order.
    assert!(server.acknowledge(&two));
    until("one acknowledgement", || unacknowledged(&client) == 1).await;
    still_unacknowledged(&server, &client, 1).await;
    assert!(server.acknowledge(&one));
    acknowledged(&client).await;

    let careless = plain(&endpoint).await;
    careless.send("three").await.unwrap();
    let three = within("a message", server.recv_message()).await.unwrap();
    assert!(!server.acknowledge(&three), "it asks for none");
    assert!(!three.ack());
}

/// A message knows how to acknowledge itself, and one that is dropped is unacknowledged.
#[tokio::test]
async fn a_message_of_a_stream_acknowledges_itself() {
    use futures::StreamExt;

    let (server, endpoint) = server().await;
    let client = patient(&endpoint).await;
    for payload in ["one", "two"] {
        client.send(payload).await.unwrap();
    }
    let mut deliveries = server.deliveries();
    let one = within("a message", deliveries.next()).await.unwrap();
    drop(within("a message", deliveries.next()).await.unwrap());
    still_unacknowledged(&server, &client, 2).await;
    assert!(one.clone().ack());
    until("one acknowledgement", || unacknowledged(&client) == 1).await;
    still_unacknowledged(&server, &client, 1).await;
}

/// All other ways to receive do not say which message it was, so it counts as
/// handled.
#[tokio::test]
async fn receiving_the_payload_alone_acknowledges() {
    let (server, endpoint) = server().await;
    let client = patient(&endpoint).await;
    let ways: [fn(Socket) -> BoxFuture<'static, String>; 6] = [
        |socket| Box::pin(async move { text(socket.recv().await.unwrap()) }),
        |socket| Box::pin(async move { socket.recv_text().await.unwrap() }),
        |socket| Box::pin(async move { text(socket.recv_identity().await.unwrap().1) }),
        |socket| Box::pin(async move { text(socket.messages().next().await.unwrap()) }),
        |socket| Box::pin(async move { text(socket.identity_messages().next().await.unwrap().1) }),
        |mut socket| Box::pin(async move { text(socket.next().await.unwrap().unwrap()) }),
    ];
    for (n, receive) in ways.into_iter().enumerate() {
        client.send(n.to_string()).await.unwrap();
        until("it to arrive", || server.stats().unreceived_messages == 1).await;
        still_unacknowledged(&server, &client, 1).await;
        let got = within("a message", receive(server.clone())).await;
        assert_eq!(got, n.to_string());
        acknowledged(&client).await;
    }
}

fn text(payload: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(payload.as_ref()).into_owned()
}

/// What arrives is acknowledged at once, unless it is asked for otherwise.
#[tokio::test]
async fn without_that_mode_what_arrives_is_acknowledged() {
    let (server, endpoint) = receiver().await;
    let client = patient(&endpoint).await;
    client.send("x").await.unwrap();
    acknowledged(&client).await;
    assert_eq!(server.stats().unreceived_messages, 1);
}

/// `serve` turns the mode on for a socket that was built without it.
#[tokio::test]
async fn serving_acknowledges_what_is_handled() {
    let (server, endpoint) = receiver().await;
    let gate = Gate::new();
    spawn(server.serve(held(&gate)));
    let client = patient(&endpoint).await;
    client.send("x").await.unwrap();
    gate.come(1).await;
    still_unacknowledged(&server, &client, 1).await;
    gate.let_go(1);
    assert_eq!(next(&client).await, "X");
    acknowledged(&client).await;
}

/// A worker that dies with a job takes nothing along: neither the one that it
/// worked on, nor those that it had not looked at.
#[tokio::test]
async fn a_job_of_a_worker_that_died_goes_to_the_next() {
    let creator = Socket::builder()
        .at_least_once()
        .ack_timeout(SECOND * 3600)
        .build()
        .unwrap();
    let endpoint = creator.bind("127.0.0.1:0").await.unwrap();
    let worker = || {
        let worker = Socket::builder().ack_mode(AckMode::Handled).build();
        let worker = worker.unwrap();
        worker.connect(endpoint.clone()).unwrap();
        worker
    };
    let first = worker();
    for n in 0..3 {
        creator.send(format!("job {n}")).await.unwrap();
    }
    let done = within("a job", first.recv_message()).await.unwrap();
    assert!(first.acknowledge(&done));
    until("one acknowledgement", || unacknowledged(&creator) == 2).await;
    within("a job", first.recv_message()).await.unwrap();
    drop(first);

    let second = worker();
    let mut jobs = Vec::new();
    for _ in 0..2 {
        let job = within("a job", second.recv_message()).await.unwrap();
        assert!(second.acknowledge(&job));
        jobs.push(text(job.payload()));
    }
    jobs.sort();
    assert_eq!(jobs, ["job 1", "job 2"]);
    acknowledged(&creator).await;
}

/// The same with a server that is killed in the middle of handling.
#[tokio::test]
async fn what_a_killed_server_was_handling_is_handled_by_the_next() {
    let (first, endpoint) = server().await;
    let gate = Gate::new();
    let serving = spawn(first.serve(held(&gate)));
    let client = patient(&endpoint).await;
    client.send("hello").await.unwrap();
    gate.come(1).await;
    first.unbind(endpoint.clone()).await.unwrap();
    serving.abort();
    assert!(within("its end", serving).await.unwrap_err().is_cancelled());
    drop(first);

    let second = Socket::builder()
        .ack_mode(AckMode::Handled)
        .build()
        .unwrap();
    second.bind(endpoint).await.unwrap();
    spawn(second.serve(shout()));
    assert_eq!(next(&client).await, "HELLO");
    acknowledged(&client).await;
}

/// The acknowledgement goes by the connection that there is.
#[tokio::test]
async fn a_client_that_came_back_is_told_that_it_is_done() {
    let (server, endpoint) = server().await;
    let client = patient(&endpoint).await;
    client.send("x").await.unwrap();
    let message = within("a message", server.recv_message()).await.unwrap();
    client.disconnect(endpoint.clone()).unwrap();
    until("its leave", || server.peers().is_empty()).await;
    assert!(!server.acknowledge(&message), "nobody is there");

    client.connect(endpoint).unwrap();
    within("the server", server.wait_for_peers(1))
        .await
        .unwrap();
    assert!(server.acknowledge(&message));
    acknowledged(&client).await;
}

// ===== with layers around the receive path =====

#[tokio::test]
async fn layers_and_then_a_handler() {
    let tell: Arc<AtomicBool> = Arc::default();
    let told = Arc::clone(&tell);
    let server = Socket::builder()
        .ack_mode(AckMode::Handled)
        .receive_layer(FilterLayer::new(|message: Delivery| {
            match message.payload().starts_with(b"bad") {
                true => Err("a bad message"),
                false => Ok(message),
            }
        }))
        .receive_layer(MapRequestLayer::new(move |message: Delivery| {
            told.store(true, Ordering::Relaxed);
            message
        }))
        .build()
        .unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let mut events = server.events();
    let client = patient(&endpoint).await;
    client.send("bad").await.unwrap();
    client.send("good").await.unwrap();

    let (message, error) = refused(&mut events).await;
    assert_eq!(message.payload(), "bad");
    assert!(error.is_layer());
    until("the good one", || server.stats().unreceived_messages == 1).await;
    assert!(tell.load(Ordering::Relaxed));
    // The layers are done with it, and it is not handled.
    still_unacknowledged(&server, &client, 2).await;

    spawn(server.serve(shout()));
    assert_eq!(next(&client).await, "GOOD");
    until("one acknowledgement", || unacknowledged(&client) == 1).await;
    still_unacknowledged(&server, &client, 1).await;
}

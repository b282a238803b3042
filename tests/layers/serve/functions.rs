//! Functions as handlers, and spawned ones.

use super::*;
use aiomsg::ErrorKind;

async fn loud(message: Delivery) -> Result<Vec<u8>, Error> {
    match message.payload().is_empty() {
        true => Err(Error::new(ErrorKind::Payload).with_reason("nothing to shout")),
        false => Ok(message.payload().to_ascii_uppercase()),
    }
}

async fn length(message: Delivery) -> String {
    message.payload().len().to_string()
}

async fn silent(_: Delivery) {}

async fn maybe(message: Delivery) -> Option<&'static str> {
    (message.payload() == "ping").then_some("pong")
}

/// A socket, and a client that is connected to it.
async fn pair() -> (Socket, Socket) {
    let server = Socket::builder().ack_mode(AckMode::Handled).build();
    let server = server.unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let client = Socket::builder().at_least_once().build().unwrap();
    client.connect(endpoint).unwrap();
    (server, client)
}

async fn ask(client: &Socket, question: &'static str) -> String {
    client.send_acked(question).await.unwrap();
    within("the answer", client.recv_text()).await.unwrap()
}

#[tokio::test]
async fn an_async_function_is_a_handler_with_any_reply() {
    let (server, client) = pair().await;
    tokio::spawn(server.serve(loud));
    assert_eq!(ask(&client, "hello").await, "HELLO");

    let (server, client) = pair().await;
    tokio::spawn(server.serve(length).concurrency(2));
    assert_eq!(ask(&client, "hello").await, "5");

    let (server, client) = pair().await;
    tokio::spawn(server.serve(silent));
    within("it", client.send_acked("hello")).await.unwrap();

    let (server, client) = pair().await;
    tokio::spawn(server.serve(maybe));
    within("it", client.send_acked("hello")).await.unwrap();
    assert_eq!(ask(&client, "ping").await, "pong");
}

#[tokio::test]
async fn a_closure_is_a_handler_and_may_count() {
    let (server, client) = pair().await;
    let mut count = 0;
    tokio::spawn(server.serve(move |_: Delivery| {
        count += 1;
        let count = count.to_string();
        async move { count }
    }));
    assert_eq!(ask(&client, "x").await, "1");
    assert_eq!(ask(&client, "x").await, "2");

    let (server, client) = pair().await;
    tokio::spawn(server.serve(async |message: Delivery| {
        let text = String::from_utf8_lossy(message.payload()).into_owned();
        Ok::<_, Error>(format!("heard: {text}"))
    }));
    assert_eq!(ask(&client, "hello").await, "heard: hello");
}

/// The error of a function counts as that of a service: no acknowledgement, and an event.
#[tokio::test]
async fn a_function_that_fails_refuses_its_message() {
    let (server, client) = pair().await;
    let mut events = server.events();
    let serving = tokio::spawn(server.serve(loud));
    client.send("").await.unwrap();
    let (message, error) = refused(&mut events).await;
    assert!(message.payload().is_empty());
    assert!(error.is_payload(), "{error}");
    assert_eq!(client.stats().unacknowledged_messages, 1);
    server.close(Duration::ZERO).await;
    ended(serving).await.unwrap();
}

/// A future that is polled after its end waits, and does not panic.
#[tokio::test]
async fn one_that_is_polled_by_hand_serves_once() {
    use futures::FutureExt;

    let (server, _client) = pair().await;
    server.close(SECOND).await;
    let mut serving = server.serve(loud);
    assert!(within("the end", &mut serving).await.is_ok());
    assert!(serving.now_or_never().is_none());
}

//! Requests whose handlers fail, and requests that nobody waits for any more.

use super::*;
use aiomsg::builder::Dialects;
use aiomsg::message::Headers;
use aiomsg::{AckMode, Outbound};

/// Fails as its request says.
fn moody() -> impl Service<Bytes, Response = Bytes, Error = BoxError, Future: Send> + Clone + Send {
    service_fn(|payload: Bytes| async move {
        match &payload[..] {
            b"fail" => Err("out of paper".into()),
            b"caused" => Err(Error::from(std::io::Error::other("no such printer")).into()),
            b"panic" => panic!("the password is swordfish"),
            _ => Ok(payload),
        }
    })
}

async fn failed(service: &Request<Socket>, payload: &'static str) -> Error {
    ask(service, payload).await.unwrap_err()
}

async fn asks_at(server: &Socket, endpoint: &str) -> (Socket, Request<Socket>) {
    let endpoint = server.bind(endpoint).await.unwrap();
    asker(&Requests::new(), &[endpoint]).await
}

/// It waited for the 30 s of its own timeout.
#[tokio::test]
async fn the_error_of_a_handler_reaches_the_asker() {
    let server = Socket::new().unwrap();
    let mut events = server.events();
    serve(&server, moody());
    for endpoint in ["127.0.0.1:0", "mem://the-error-of-a-handler"] {
        let (socket, service) = asks_at(&server, endpoint).await;
        let error = failed(&service, "fail").await;
        assert!(error.is_unhandled(), "{error}");
        assert_eq!(error.reason(), Some("out of paper"));
        assert_eq!(error.peer(), Some(server.identity()));
        let error = failed(&service, "caused").await;
        assert_eq!(
            error.reason(),
            Some("input or output failed: no such printer")
        );
        assert_eq!(ask(&service, "fine").await.unwrap(), "fine");

        let refused = event(&mut events, "the refusal", |event| match event {
            Event::Refused { message, error } => Some((message, error)),
            _ => None,
        });
        let (message, error) = refused.await;
        assert!(message.payload().ends_with(b"\0fail"));
        assert_eq!(error.chain().to_string(), "a layer failed: out of paper");
        socket.close(SECOND).await;
        events = server.events();
    }
}

#[tokio::test]
async fn the_text_of_a_panic_stays_here() {
    let server = Socket::new().unwrap();
    serve(&server, moody());
    let (_socket, service) = asks_at(&server, "127.0.0.1:0").await;
    let error = failed(&service, "panic").await;
    assert!(error.is_unhandled());
    assert_eq!(error.reason(), Some("the handler panicked"));
    assert!(!error.chain().to_string().contains("swordfish"));
    assert_eq!(ask(&service, "fine").await.unwrap(), "fine");
}

#[tokio::test]
async fn texts_of_errors_can_be_kept_back() {
    let server = Socket::new().unwrap();
    let handler = ReplyLayer::new().layer(moody());
    tokio::spawn(server.serve(handler).error_texts(false));
    let (_socket, service) = asks_at(&server, "127.0.0.1:0").await;
    for request in ["fail", "caused", "panic"] {
        let error = failed(&service, request).await;
        assert!(error.is_unhandled());
        assert_eq!(error.reason(), Some("the handler failed"), "{request}");
    }
}

/// No headers can say so there, and an answer without a payload looks like a success.
#[tokio::test(start_paused = true)]
async fn an_asker_of_the_2019_dialect_gets_no_answer() {
    let (server, endpoint) = answering(moody()).await;
    let builder = Socket::builder().dialects(Dialects::Only(aiomsg::builder::Dialect::V2019));
    let requests = Requests::new().timeout(SECOND);
    let (socket, service) = asking(builder, &requests);
    socket.connect(endpoint).unwrap();
    assert_eq!(ask(&service, "fine").await.unwrap(), "fine");
    assert!(failed(&service, "fail").await.is_timeout());
    assert_eq!(server.stats().sent_messages, 1);
    assert_eq!(socket.stats().headers_left_out, 2, "the deadlines");
    assert_eq!((requests.late(), requests.unknown()), (0, 0));
}

/// And one that is not to say how long it waits.
#[tokio::test(start_paused = true)]
async fn a_request_without_a_deadline_gets_no_failure() {
    let (server, endpoint) = answering(moody()).await;
    let requests = Requests::new().timeout(SECOND).deadlines(false);
    let (_socket, service) = asker(&requests, &[endpoint]).await;
    assert!(failed(&service, "fail").await.is_timeout());
    assert_eq!(server.stats().sent_messages, 0);
    assert_eq!(ask(&service, "fine").await.unwrap(), "fine");
}

/// At-least-once asks again until its time is up, and then knows why.
#[tokio::test(start_paused = true)]
async fn a_reliable_request_that_always_fails_says_why_in_the_end() {
    let (_server, endpoint) = answering(moody()).await;
    let requests = Requests::new().timeout(SECOND * 5);
    let socket = Socket::builder()
        .at_least_once()
        .ack_timeout(SECOND)
        .receive_layer(requests.answers())
        .build()
        .unwrap();
    socket.connect(endpoint).unwrap();
    let service = requests.layer().layer(socket.clone());
    let begin = Instant::now();
    let error = ask(&service, "fail").await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!(begin.elapsed() >= SECOND * 5);
    let text = error.chain().to_string();
    assert!(text.ends_with("was not handled: out of paper"), "{text}");
}

/// A peer that reads no answers holds up its own requests, and no others.
#[tokio::test]
async fn answers_to_failed_requests_are_bounded_as_others_are() {
    let (server, endpoint) = receiver().await;
    let handler = ReplyLayer::new().layer(moody());
    tokio::spawn(server.serve(handler).concurrency(4));
    let deaf = Socket::builder()
        .receive_limits(aiomsg::Limits { items: 1, bytes: 1 })
        .build()
        .unwrap();
    deaf.connect(endpoint.clone()).unwrap();
    let mut headers = Headers::new();
    headers.insert("aiomsg-deadline", "600000").unwrap();
    for _ in 0..5_000 {
        let request = Outbound::new("7\0fail").with_headers(headers.clone());
        deaf.send_message(request).await.unwrap();
    }
    let requests = Requests::new();
    let (_socket, service) = asker(&requests, &[endpoint]).await;
    assert_eq!(
        failed(&service, "fail").await.reason(),
        Some("out of paper")
    );
    for _ in 0..5_000 {
        let answer = within("an answer", deaf.recv_message()).await.unwrap();
        assert_eq!(answer.headers().get("aiomsg-error"), Some("out of paper"));
    }
}

// ===== deadlines =====

/// It was begun, and its answer came too late.
#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_waits_for_is_not_begun() {
    let server = Socket::builder()
        .ack_mode(AckMode::Handled)
        .build()
        .unwrap();
    let mut events = server.events();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let requests = Requests::new().timeout(SECOND);
    let socket = Socket::builder()
        .at_least_once()
        .ack_timeout(SECOND * 60)
        .receive_layer(requests.answers())
        .build()
        .unwrap();
    socket.connect(endpoint).unwrap();
    let service = requests.layer().layer(socket.clone());
    let patient = requests.clone().timeout(SECOND * 60).layer();
    let patient = patient.layer(socket.clone());

    // The server is busy with other things.
    let hasty = tokio::spawn(async move { ask(&service, "hasty").await });
    until("the first", || server.stats().unreceived_messages == 1).await;
    let patient = tokio::spawn(async move { ask(&patient, "patient").await });
    until("both", || server.stats().unreceived_messages == 2).await;
    sleep(SECOND * 2).await;
    assert!(hasty.await.unwrap().unwrap_err().is_timeout());

    let begun = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&begun);
    serve(
        &server,
        service_fn(move |payload: Bytes| {
            noted.lock().unwrap().push(payload.clone());
            async move { Ok::<_, Error>(payload) }
        }),
    );
    assert_eq!(patient.await.unwrap().unwrap(), "patient");
    assert_eq!(*begun.lock().unwrap(), ["patient"]);
    let stats = server.stats();
    assert_eq!((stats.expired_messages, stats.refused_messages), (1, 1));
    let (message, error) = event(&mut events, "the report", |event| match event {
        Event::Refused { message, error } => Some((message, error)),
        _ => None,
    })
    .await;
    assert!(message.payload().ends_with(b"\0hasty"));
    assert!(error.is_timeout(), "{error}");
    // It does not come again.
    until("the acknowledgements", || {
        socket.stats().unacknowledged_messages == 0
    })
    .await;
    assert_eq!(requests.late(), 0, "nothing answered it");
}

/// It waits for a permit of the handler meanwhile.
#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_its_handler_can_expire() {
    let gate = Gate::new();
    let held = gate.clone();
    let one_at_a_time = ServiceBuilder::new()
        .concurrency_limit(1)
        .service(service_fn(move |payload: Bytes| {
            let gate = held.clone();
            async move {
                if payload == "long" {
                    gate.pass().await;
                }
                Ok::<_, Error>(payload)
            }
        }));
    let (server, endpoint) = answering(one_at_a_time).await;
    let requests = Requests::new();
    let (socket, service) = asker(&requests, &[endpoint]).await;
    let long = service.clone();
    let long = tokio::spawn(async move { ask(&long, "long").await });
    gate.come(1).await;
    let hasty = requests.clone().timeout(SECOND).layer();
    let error = ask(&hasty.layer(socket), "hasty").await.unwrap_err();
    assert!(error.is_timeout());
    sleep(SECOND).await;
    gate.let_go(1);
    assert_eq!(long.await.unwrap().unwrap(), "long");
    until("it", || server.stats().expired_messages == 1).await;
    assert_eq!(ask(&service, "next").await.unwrap(), "next");
}

#[tokio::test]
async fn a_handler_can_see_the_deadline() {
    let (server, endpoint) = receiver().await;
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    for (value, known) in [("60000", true), ("soon", false), ("-1", false)] {
        let message = Outbound::new("x").header("aiomsg-deadline", value);
        client.send_message(message).await.unwrap();
        let message = within("it", server.recv_message()).await.unwrap();
        let left = message
            .deadline()
            .map(|at| Instant::from_std(at) - Instant::now());
        assert_eq!(left.is_some(), known, "{value}");
        assert!(left.is_none_or(|left| left > SECOND * 40 && left <= SECOND * 60));
    }
}

/// It ended the service of all other requests.
#[tokio::test]
async fn an_error_whose_text_panics_costs_its_request_only() {
    #[derive(Debug)]
    struct Shy;

    impl std::fmt::Display for Shy {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("it has no text");
        }
    }

    impl std::error::Error for Shy {}

    let handler = service_fn(|payload: Bytes| async move {
        match &payload[..] {
            b"fail" => Err(BoxError::from(Shy)),
            _ => Ok(payload),
        }
    });
    let server = Socket::new().unwrap();
    serve(&server, handler);
    let (_socket, service) = asks_at(&server, "127.0.0.1:0").await;
    let error = failed(&service, "fail").await;
    assert_eq!(error.reason(), Some("the handler failed"));
    assert_eq!(ask(&service, "fine").await.unwrap(), "fine");
}

/// A request that is passed on waits for as long as its new asker does.
#[tokio::test]
async fn a_foreign_deadline_does_not_replace_that_of_the_asker() {
    let mut incoming = Headers::new();
    incoming.insert("aiomsg-deadline", "1").unwrap();
    incoming.insert("traceparent", "kept").unwrap();
    let server = Socket::new().unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let (_socket, service) = asker(&Requests::new(), &[endpoint]).await;
    let asked = tokio::spawn(service.with_headers(&incoming).oneshot("x".into()));
    let request = within("the request", server.recv_message()).await.unwrap();
    assert_eq!(request.headers().get("traceparent"), Some("kept"));
    assert_eq!(request.headers().get("aiomsg-deadline"), Some("30000"));
    asked.abort();
}

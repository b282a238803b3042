//! Requests that Python answers, and requests of Python's that we answer.

use super::*;
use crate::support::python::Script;
use aiomsg::layer::{ReplyLayer, Requests};
use aiomsg::parts::layers::request::Request;
use aiomsg::receive::Router;
use aiomsg::{AckMode, Delivery, Error};
use futures::future::join_all;
use std::future::IntoFuture;
use tower::{Layer, ServiceExt, service_fn};

const COUNT: usize = 200;

async fn ask(service: &Request<Socket>, question: &str) -> String {
    let asked = service.clone().oneshot(question.to_owned().into());
    let answer = within("an answer", asked).await.unwrap();
    String::from_utf8(answer.into()).unwrap()
}

/// Starts the program and connects it with the socket.
async fn join_script(
    socket: &Socket,
    version: Version,
    script: &str,
    args: &[&str],
    binds: Binds,
) -> Script {
    let others = socket.peers().len();
    let script = match binds {
        Binds::Us => {
            let address = address(&socket.bind(LOOPBACK).await.unwrap());
            let args = args.iter().copied().chain(["--connect", &*address]);
            Script::start(version, script, args).await
        }
        Binds::Them => {
            let args = args.iter().copied().chain(["--bind", LOOPBACK]);
            let script = Script::start(version, script, args).await;
            let port = script.line().await["port"].as_u64().unwrap();
            let port = u16::try_from(port).unwrap();
            socket.connect(Endpoint::tcp("127.0.0.1", port)).unwrap();
            script
        }
    };
    connected(socket, others + 1).await;
    script
}

/// A server of a few lines.
async fn python_answers(version: Version, binds: Binds) {
    let requests = Requests::new();
    let socket = Socket::builder()
        .receive_layer(requests.answers())
        .build()
        .unwrap();
    let service = requests.layer().layer(socket.clone());
    let mut server = join_script(&socket, version, "answerer.py", &[], binds).await;
    let questions: Vec<_> = (0..COUNT).map(|n| format!("question {n}")).collect();
    let answers = join_all(questions.iter().map(|it| ask(&service, it))).await;
    for (question, answer) in questions.iter().zip(answers) {
        assert_eq!(answer, question.to_uppercase());
    }

    // Whoever is named, and any bytes.
    let named = service.to(only_peer(&socket));
    assert_eq!(ask(&named, "a\0zero byte").await, "A\0ZERO BYTE");
    assert_eq!(ask(&named, "").await, "");
    assert!(requests.is_empty());
    assert_eq!((requests.late(), requests.unknown()), (0, 0));
    assert_eq!(socket.stats().unreceived_messages, 0);
    server.kill().await;
}

/// Each of several servers has its turn, and each request its answer.
async fn pythons_answer_in_turn(version: Version) {
    let requests = Requests::new();
    let socket = Socket::builder()
        .receive_layer(requests.answers())
        .build()
        .unwrap();
    let service = requests.layer().layer(socket.clone());
    let mut servers = Vec::new();
    for binds in [Binds::Us, Binds::Them, Binds::Us] {
        servers.push(join_script(&socket, version, "answerer.py", &[], binds).await);
    }
    let questions: Vec<_> = (0..COUNT).map(|n| format!("question {n}")).collect();
    let answers = join_all(questions.iter().map(|it| ask(&service, it))).await;
    for (question, answer) in questions.iter().zip(answers) {
        assert_eq!(answer, question.to_uppercase());
    }
}

/// A server that is killed with a request answers it no more, and the one that
/// is started in its place does when it is asked again.
async fn python_is_started_again(version: Version) {
    let requests = Requests::new();
    let socket = Socket::builder()
        .receive_layer(requests.answers())
        .build()
        .unwrap();
    let service = requests.layer().layer(socket.clone());
    let mut first = join_script(&socket, version, "answerer.py", &[], Binds::Us).await;
    assert_eq!(ask(&service, "one").await, "ONE");
    let mut events = socket.events();
    let who = only_peer(&socket);
    first.kill().await;
    down(&mut events, &who).await;
    // It waits in the buffer, and its time is up there.
    let quick = requests.clone().timeout(Duration::from_millis(100));
    let quick = quick.layer().layer(socket.clone());
    let error = quick.oneshot("two".into()).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");

    let _second = join_script(&socket, version, "answerer.py", &[], Binds::Us).await;
    assert_eq!(ask(&service, "three").await, "THREE");
    until("the late answer", || requests.late() == 1).await;
    assert_eq!(requests.unknown(), 0);
}

fn shouts()
-> impl tower::Service<aiomsg::Delivery, Response = Bytes, Error = Error, Future: Send + 'static> + Send
{
    ReplyLayer::new().layer(service_fn(|payload: Bytes| async move {
        Ok::<_, Error>(payload.to_ascii_uppercase())
    }))
}

async fn answers_of(client: &Script) {
    for n in 0..COUNT {
        let line = client.line().await;
        assert_eq!(line["question"], format!("question {n}"));
        assert_eq!(line["answer"], format!("QUESTION {n}"));
    }
}

async fn python_asks(version: Version, binds: Binds) {
    let socket = Socket::builder()
        .ack_mode(AckMode::Handled)
        .build()
        .unwrap();
    let serving = tokio::spawn(socket.serve(shouts()).into_future());
    let count = COUNT.to_string();
    let mut clients = Vec::new();
    for args in [&[&*count][..], &[&*count, "--at-least-once"]] {
        clients.push(join_script(&socket, version, "asker.py", args, binds).await);
    }
    for client in &mut clients {
        answers_of(client).await;
    }
    assert_eq!(socket.stats().refused_messages, 0);
    for client in &mut clients {
        client.kill().await;
    }
    socket.close(PATIENCE).await;
    within("the end of serving", serving)
        .await
        .unwrap()
        .unwrap();
}

/// Python takes an answer without a payload for a success, so none goes to it.
async fn python_gets_no_answer_of_a_handler_that_fails(version: Version) {
    let socket = Socket::builder()
        .ack_mode(AckMode::Handled)
        .build()
        .unwrap();
    let mut events = socket.events();
    let fails = ReplyLayer::new().layer(service_fn(|payload: Bytes| async move {
        match &payload[..] {
            b"question 0" => Err("out of paper"),
            _ => Ok(payload.to_ascii_uppercase()),
        }
    }));
    tokio::spawn(socket.serve(fails).into_future());
    let client = join_script(&socket, version, "asker.py", &["3"], Binds::Us).await;
    let message = event(&mut events, "the refusal", |event| match event {
        Event::Refused { message, .. } => Some(message),
        _ => None,
    })
    .await;
    until("the other answers", || socket.stats().sent_messages == 2).await;
    // The first answer counts, and this is the first.
    let answer = message.payload().strip_suffix(b"question 0").unwrap();
    let answer = [answer, b"by hand"].concat();
    socket.send_to(only_peer(&socket), answer).await.unwrap();
    for answer in ["by hand", "QUESTION 1", "QUESTION 2"] {
        assert_eq!(client.line().await["answer"], answer);
    }
}

/// A router finds the handlers of Python's requests by their topics.
async fn python_is_routed_by_topic(version: Version) {
    let shout = async |message: Delivery| message.payload().to_ascii_uppercase();
    let router = Router::new().route("question ", shout).by_topic();
    let socket = Socket::new().unwrap();
    tokio::spawn(socket.serve(router).into_future());
    let count = COUNT.to_string();
    let client = join_script(&socket, version, "asker.py", &[&*count], Binds::Us).await;
    answers_of(&client).await;
    assert_eq!(socket.stats().refused_messages, 0);
}

/// Headers of a request do no harm to a Python that knows none, with or without a route.
async fn python_answers_requests_with_headers(version: Version) {
    let requests = Requests::new();
    let socket = Socket::builder()
        .receive_layer(requests.answers())
        .build()
        .unwrap();
    let service = requests.layer().layer(socket.clone());
    let mut server = join_script(&socket, version, "answerer.py", &[], Binds::Us).await;
    let routed = service.clone().route("shout").header("priority", "high");
    let bare = requests.clone().deadlines(false).layer();
    let bare = bare.layer(socket.clone());
    for n in 0..COUNT {
        for service in [&service, &routed, &bare] {
            let question = format!("question {n}");
            assert_eq!(ask(service, &question).await, question.to_uppercase());
        }
    }
    let left_out = match version {
        Version::V2019 => 2 * COUNT as u64,
        Version::V2026 => 0,
    };
    assert_eq!(socket.stats().headers_left_out, left_out);
    assert_eq!((requests.late(), requests.unknown()), (0, 0));
    server.kill().await;
}

/// A handler that fails leaves the request unacknowledged, and Python sends it
/// again, after its 5 s.
async fn python_asks_again(version: Version) {
    let socket = Socket::builder()
        .ack_mode(AckMode::Handled)
        .build()
        .unwrap();
    let mut events = socket.events();
    // Its first try is the only one that fails.
    let mut failed = false;
    let once = service_fn(move |payload: Bytes| {
        let fails = payload == "question 7" && !std::mem::replace(&mut failed, true);
        async move {
            match fails {
                true => Err("not now"),
                false => Ok(payload.to_ascii_uppercase()),
            }
        }
    });
    let handler = ReplyLayer::new().layer(once);
    tokio::spawn(socket.serve(handler).into_future());
    let count = COUNT.to_string();
    let args = [&*count, "--at-least-once"];
    let client = join_script(&socket, version, "asker.py", &args, Binds::Us).await;
    let message = event(&mut events, "the refusal", |event| match event {
        Event::Refused { message, .. } => Some(message),
        _ => None,
    })
    .await;
    assert!(message.payload().ends_with(b"\0question 7"));
    answers_of(&client).await;
    assert_eq!(socket.stats().refused_messages, 1);
}

each_version_and_role!(python_answers, python_asks);
each_version!(
    pythons_answer_in_turn,
    python_is_started_again,
    python_asks_again,
    python_gets_no_answer_of_a_handler_that_fails,
    python_is_routed_by_topic,
    python_answers_requests_with_headers,
);

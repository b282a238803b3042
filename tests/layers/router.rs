//! Handlers by route, over connections.

#[cfg(feature = "json")]
mod json;

use super::*;
use aiomsg::builder::{Dialect, Dialects};
use aiomsg::layer::Requests;
use aiomsg::parts::layers::request::Request;
use aiomsg::receive::Router;
use aiomsg::{Delivery, Error, Outbound};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

async fn shout(message: Delivery) -> Vec<u8> {
    message.payload().to_ascii_uppercase()
}

async fn length(message: Delivery) -> Result<String, &'static str> {
    match message.payload().len() {
        0 => Err("there is nothing to measure"),
        bytes => Ok(bytes.to_string()),
    }
}

/// A socket with these routes, and where to connect to it.
async fn routing(router: Router) -> (Socket, Endpoint) {
    let (server, endpoint) = receiver().await;
    tokio::spawn(server.serve(router));
    (server, endpoint)
}

async fn asker(endpoint: &Endpoint) -> (Socket, Request<Socket>) {
    let requests = Requests::new();
    let socket = Socket::builder()
        .receive_layer(requests.answers())
        .build()
        .unwrap();
    socket.connect(endpoint.clone()).unwrap();
    within("the server", socket.wait_for_peers(1))
        .await
        .unwrap();
    let service = requests.layer().layer(socket.clone());
    (socket, service)
}

async fn ask(
    service: &Request<Socket>,
    route: &str,
    payload: &'static str,
) -> Result<String, Error> {
    let asked = service.clone().route(route).oneshot(payload.into());
    let answer = within("an answer", asked).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn each_request_has_its_handler() {
    let router = Router::new().route("shout", shout).route("length", length);
    let (server, tcp) = routing(router).await;
    let memory = server.bind("mem://each-request-has-its-handler");
    for endpoint in [tcp, memory.await.unwrap()] {
        let (_socket, service) = asker(&endpoint).await;
        assert_eq!(ask(&service, "shout", "hello").await.unwrap(), "HELLO");
        assert_eq!(ask(&service, "length", "hello").await.unwrap(), "5");

        let error = ask(&service, "length", "").await.unwrap_err();
        assert!(error.is_unhandled());
        assert_eq!(error.reason(), Some("there is nothing to measure"));
        let error = ask(&service, "whisper", "hello").await.unwrap_err();
        assert!(error.is_unhandled());
        assert_eq!(error.reason(), Some("there is no route \"whisper\""));
        assert_eq!(error.peer(), Some(server.identity()));
    }
}

/// Unknown routes with everything in them.
#[tokio::test]
async fn a_route_that_cannot_be_sent_is_an_error_here() {
    let (_server, endpoint) = routing(Router::new()).await;
    let (_socket, service) = asker(&endpoint).await;
    let mut error = ask(&service, "two\nlines", "x").await.unwrap_err();
    assert!(error.is_config(), "{error}");
    assert!(error.to_string().contains("control character"), "{error}");
    assert_eq!(error.take_message().unwrap().payload(), "x");
    let error = ask(&service, "\u{202e}\"quotes\"", "x").await.unwrap_err();
    let reason = error.reason().unwrap();
    assert_eq!(reason, "there is no route \"\\u{202e}\\\"quotes\\\"\"");
}

/// They have no headers.
#[tokio::test]
async fn peers_of_the_2019_dialect_are_routed_by_topic() {
    let router = Router::new().route("loud ", shout).route("length ", length);
    let (_server, endpoint) = routing(router.by_topic()).await;
    let requests = Requests::new();
    let socket = Socket::builder()
        .dialects(Dialects::Only(Dialect::V2019))
        .receive_layer(requests.answers())
        .build()
        .unwrap();
    socket.connect(endpoint).unwrap();
    let service = requests.layer().layer(socket);
    for (request, answer) in [("loud hello", "LOUD HELLO"), ("length ", "7")] {
        let asked = service.clone().oneshot(request.into());
        assert_eq!(within("an answer", asked).await.unwrap(), answer);
    }
}

#[tokio::test]
async fn messages_without_an_id_are_routed_too() {
    let (_server, endpoint) = routing(Router::new().route("shout", shout).one_way()).await;
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    let message = Outbound::new("hello").header("aiomsg-route", "shout");
    client.send_message(message).await.unwrap();
    assert_eq!(within("it", client.recv()).await.unwrap(), "HELLO");
}

/// Around one handler, and around the router.
#[tokio::test]
async fn towers_layers_go_around_handlers() {
    let calls = Arc::new(AtomicUsize::new(0));
    let never = ServiceBuilder::new()
        .timeout(Duration::from_millis(10))
        .service(service_fn(|_: Delivery| {
            std::future::pending::<Result<&'static str, Error>>()
        }));
    let counted = Arc::clone(&calls);
    let router = ServiceBuilder::new()
        .map_request(move |message: Delivery| {
            counted.fetch_add(1, Ordering::Relaxed);
            message
        })
        .service(Router::new().route("never", never).route("shout", shout));
    let (server, endpoint) = receiver().await;
    tokio::spawn(server.serve(router));
    let (_socket, mut service) = asker(&endpoint).await;
    let error = ask(&service, "never", "x").await.unwrap_err();
    assert!(error.is_unhandled());
    assert_eq!(error.reason(), Some("request timed out"), "tower's text");
    assert_eq!(ask(&service, "shout", "x").await.unwrap(), "X");
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    assert!(service.ready().await.is_ok());
    fn is_a_service<S: Service<Delivery>>(_: &S) {}
    is_a_service(&Router::new());
}

use super::*;
use aiomsg_core::Identity;
use tower::ServiceExt;

fn peer() -> Identity {
    Identity::new("p").unwrap()
}

fn message(payload: &'static str) -> Delivery {
    Delivery::new(peer(), payload)
}

fn routed(route: &str, payload: &'static str) -> Delivery {
    let mut headers = Headers::new();
    headers.insert(ROUTE, route).unwrap();
    message(payload).with_headers(headers)
}

/// Says which handler it is, and what it got.
fn says(name: &'static str) -> impl FnMut(Delivery) -> std::future::Ready<String> + Clone + Send {
    move |message: Delivery| {
        let payload = String::from_utf8_lossy(message.payload()).into_owned();
        std::future::ready(format!("{name}: {payload}"))
    }
}

async fn reply(router: &Router, message: Delivery) -> Result<String, String> {
    match router.clone().oneshot(message).await {
        Ok(reply) => Ok(String::from_utf8_lossy(&reply.into_reply().unwrap()).into_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test]
async fn the_route_of_a_request_chooses_its_handler() {
    let router = Router::new()
        .route("orders.create", says("create"))
        .route("orders.list", says("list"));
    let create = reply(&router, routed("orders.create", "id\0two")).await;
    assert_eq!(create.unwrap(), "id\0create: two");
    let list = reply(&router, routed("orders.list", "id\0")).await;
    assert_eq!(list.unwrap(), "id\0list: ");
}

#[tokio::test]
async fn what_has_no_handler_is_named() {
    let router = Router::new().route("orders", says("orders"));
    let unknown = |route: &str| routed(route, "id\0x");
    for (message, reason) in [
        (unknown("order"), "there is no route \"order\""),
        (unknown("orders.list"), "there is no route \"orders.list\""),
        (unknown(""), "there is no route \"\""),
        (
            message("id\0orders"),
            "it has no route: the header aiomsg-route is missing",
        ),
    ] {
        let error = router.clone().oneshot(message).await.unwrap_err();
        let error = Error::from_boxed(error);
        assert!(error.is_unhandled());
        assert_eq!(error.reason(), Some(reason));
        assert_eq!(error.peer(), Some(&peer()));
    }
    let long = reply(&router, unknown(&"ü".repeat(1_000)))
        .await
        .unwrap_err();
    assert!(
        long.ends_with(&format!("\"{}\"…", "ü".repeat(64))),
        "{long}"
    );

    let error = reply(&router, routed("orders", "no id")).await.unwrap_err();
    assert!(error.contains("it is no request"), "{error}");
}

#[tokio::test]
async fn the_fallback_has_all_others() {
    let router = Router::new()
        .route("orders", says("orders"))
        .fallback(says("fallback"));
    for (message, answer) in [
        (routed("orders", "id\0x"), "id\0orders: x"),
        (routed("invoices", "id\0x"), "id\0fallback: x"),
        (message("id\0x"), "id\0fallback: x"),
    ] {
        assert_eq!(reply(&router, message).await.unwrap(), answer);
    }
}

/// Its sender waits for some answer.
#[tokio::test]
async fn a_handler_without_a_reply_is_answered_for() {
    async fn silent(_: Delivery) {}
    let router = Router::new().route("log", silent);
    assert_eq!(
        reply(&router, routed("log", "id\0x")).await.unwrap(),
        "id\0"
    );

    let router = router.one_way();
    let sent = router.oneshot(routed("log", "x")).await.unwrap();
    assert_eq!(sent.payload(), None);
}

#[tokio::test]
async fn one_way_messages_have_no_id() {
    let router = Router::new().route("log", says("log")).one_way();
    for payload in ["id\0x", "x", ""] {
        let got = reply(&router, routed("log", payload)).await.unwrap();
        assert_eq!(got, format!("log: {payload}"));
    }
}

#[tokio::test]
async fn the_longest_route_of_a_topic_counts() {
    let router = Router::new()
        .route("weather.", says("weather"))
        .route("weather.oslo", says("oslo"))
        .route("weather.oslo.north", says("north"))
        .route("web", says("web"))
        .route("z", says("z"))
        .one_way();
    let by_header = reply(&router, message("weather.oslo rain")).await;
    assert!(by_header.is_err(), "it is not set");
    let router = router.by_topic();
    for (topic, handler) in [
        ("weather.", Some("weather")),
        ("weather.osl", Some("weather")),
        ("weather.oslo", Some("oslo")),
        ("weather.oslo.n", Some("oslo")),
        ("weather.oslo.northern", Some("north")),
        ("weather.oslo.zzz", Some("oslo")),
        ("weather.zurich", Some("weather")),
        ("websites", Some("web")),
        ("weather", None),
        ("we", None),
        ("", None),
        ("a", None),
        ("zz", Some("z")),
    ] {
        let got = reply(&router, message(topic)).await;
        let expected = handler.map(|handler| format!("{handler}: {topic}"));
        assert_eq!(got.as_ref().ok(), expected.as_ref(), "{topic}");
    }
    let error = reply(&router, message("x")).await.unwrap_err();
    assert!(
        error.ends_with("there is no route for this topic"),
        "{error}"
    );
    // The header wins.
    let got = reply(&router, routed("web", "weather.oslo")).await;
    assert_eq!(got.unwrap(), "web: weather.oslo");
}

#[tokio::test]
async fn routers_are_put_together() {
    let orders = Router::new()
        .route("create", says("create"))
        .route("list", says("list"));
    let router = Router::new().nest("orders.", orders).merge(
        Router::new()
            .route("ping", says("ping"))
            .fallback(says("?")),
    );
    for (route, answer) in [
        ("orders.create", "id\0create: x"),
        ("orders.list", "id\0list: x"),
        ("ping", "id\0ping: x"),
        ("create", "id\0?: x"),
    ] {
        assert_eq!(
            reply(&router, routed(route, "id\0x")).await.unwrap(),
            answer
        );
    }
    assert_eq!(
        format!("{router:?}"),
        "Router { routes: {\"orders.create\", \"orders.list\", \"ping\"}, fallback: true, \
         by_topic: false, one_way: false }"
    );
}

#[test]
#[should_panic(expected = "the route \"orders\" has two handlers")]
fn a_route_has_one_handler() {
    let _ = Router::new()
        .route("orders", says("a"))
        .route("orders", says("b"));
}

#[test]
#[should_panic(expected = "the route \"a.b\" has two handlers")]
fn a_nested_route_is_one_of_all() {
    let nested = Router::new().route("b", says("b"));
    let _ = Router::new().route("a.b", says("a")).nest("a.", nested);
}

#[test]
#[should_panic(expected = "its value has a control character")]
fn a_route_that_no_header_can_have_is_none() {
    let _ = Router::new().route("two\nlines", says("a"));
}

#[test]
#[should_panic(expected = "the router has two fallbacks")]
fn there_is_one_fallback() {
    let other = Router::new().fallback(says("b"));
    let _ = Router::new().fallback(says("a")).merge(other);
}

#[test]
#[should_panic(expected = "the router of \"orders.\" has a fallback")]
fn a_nested_router_has_no_fallback() {
    let _ = Router::new().nest("orders.", Router::new().fallback(says("a")));
}

/// One of them waits, and the router does not.
#[tokio::test(start_paused = true)]
async fn a_handler_that_is_not_ready_holds_up_no_other() {
    use std::time::Duration;
    use tokio::time::sleep;
    use tower::{ServiceBuilder, service_fn};

    let slow = ServiceBuilder::new()
        .concurrency_limit(1)
        .service(service_fn(|_: Delivery| async {
            sleep(Duration::from_secs(10)).await;
            Ok::<_, Error>("slow")
        }));
    let router = Router::new()
        .route("slow", slow)
        .route("fast", says("fast"));
    let slow = |router: &Router| tokio::spawn(router.clone().oneshot(routed("slow", "id\0x")));
    let two = [slow(&router), slow(&router)];
    let begin = tokio::time::Instant::now();
    assert!(reply(&router, routed("fast", "id\0x")).await.is_ok());
    assert!(begin.elapsed() < Duration::from_secs(1));
    for one in two {
        assert_eq!(
            one.await.unwrap().unwrap().into_reply().unwrap(),
            "id\0slow"
        );
    }
    assert_eq!(begin.elapsed(), Duration::from_secs(20), "one at a time");
}

/// Layers of a handler may give its reply headers, such as a trace.
#[tokio::test]
async fn the_headers_of_a_reply_go_with_it() {
    #[derive(Clone)]
    struct Marked;

    impl IntoReply for Marked {
        fn into_reply(self) -> Option<bytes::Bytes> {
            Some("yes".into())
        }

        fn reply_headers(&self) -> Headers {
            let mut headers = Headers::new();
            headers.insert("mark", "7").unwrap();
            headers
        }
    }

    let router = Router::new().route("a", async |_: Delivery| Marked);
    let reply = router.oneshot(routed("a", "id\0")).await.unwrap();
    assert_eq!(reply.reply_headers().get("mark"), Some("7"));
    assert_eq!(reply.into_reply().unwrap(), "id\0yes");
}

/// The second request waits for the first one, and longer than its sender.
#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_waits_for_is_not_begun() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;
    use tower::ServiceBuilder;

    let begun = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&begun);
    let slow = tower::service_fn(move |_: Delivery| {
        count.fetch_add(1, Ordering::Relaxed);
        async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            Ok::<_, Error>("done")
        }
    });
    let slow = ServiceBuilder::new().concurrency_limit(1).service(slow);
    let router = Router::new().route("slow", slow);
    let request = || {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(1);
        routed("slow", "id\0").with_deadline(deadline.into_std())
    };
    let both = [
        router.clone().oneshot(request()),
        router.clone().oneshot(request()),
    ];
    let replies = futures::future::join_all(both).await;
    let replies: Vec<_> = replies
        .into_iter()
        .map(|it| it.unwrap().into_reply())
        .collect();
    assert_eq!(replies, [Some("id\0done".into()), None]);
    assert_eq!(begun.load(Ordering::Relaxed), 1);
}

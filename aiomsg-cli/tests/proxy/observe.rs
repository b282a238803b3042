//! What is shown of the proxy.

use super::*;

const DOCS: &str = include_str!("../../../docs/proxy.md");

/// A proxy with a dashboard.
pub(crate) struct Shown {
    pub(crate) proxy: Proxy,
    /// Without a slash at its end.
    pub(crate) at: String,
}

impl Shown {
    pub(crate) async fn start(options: &[&str]) -> Self {
        let proxy = Proxy::start(&[&["--dashboard", "0"][..], options].concat()).await;
        let at = proxy.program.after("dashboard: ").await;
        Self {
            proxy,
            at: at.trim_end_matches('/').to_owned(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> http::Answer {
        http::get(&format!("{}{path}", self.at)).await
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)]) -> http::Answer {
        http::ask("POST", &format!("{}{path}", self.at), headers).await
    }

    async fn status(&self) -> serde_json::Value {
        let answer = self.get("/api/status").await;
        assert_eq!(answer.status, 200);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Waits until the status is as it should be.
    async fn until(&self, what: &str, is_so: impl Fn(&serde_json::Value) -> bool) {
        within(what, async {
            while !is_so(&self.status().await) {
                sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn metrics_are_those_of_what_happened() {
    let proxy = Proxy::start(&[]).await;
    let url = proxy.metrics.clone();
    assert!(
        url.starts_with("http://127.0.0.1:"),
        "loopback, as no host was named"
    );
    let before = http::scrape(&url).await;
    let consumer = proxy.consumer().await;
    let producer = proxy.producer().await;
    for _ in 0..10 {
        producer.send("12345").await.unwrap();
    }
    assert_eq!(recv_all(&consumer, 10).await.len(), 10);
    consumer.send("unasked").await.unwrap();
    http::until(
        &url,
        "aiomsg_dropped_messages_total{side=\"proxy\",reason=\"unasked\"}",
        1.0,
    )
    .await;
    for (name, value) in [
        ("aiomsg_proxy_taken_total{direction=\"onward\"}", 10.0),
        ("aiomsg_proxy_forwarded_total{direction=\"onward\"}", 10.0),
        ("aiomsg_proxy_taken_total{direction=\"back\"}", 1.0),
        ("aiomsg_received_messages_total{side=\"frontend\"}", 10.0),
        ("aiomsg_received_bytes_total{side=\"frontend\"}", 50.0),
        ("aiomsg_sent_messages_total{side=\"backend\"}", 10.0),
        ("aiomsg_peers{side=\"backend\"}", 1.0),
        ("aiomsg_peers{side=\"frontend\"}", 1.0),
        ("aiomsg_endpoints{side=\"frontend\",state=\"up\"}", 1.0),
        ("aiomsg_proxy_state{state=\"running\"}", 1.0),
        ("aiomsg_proxy_ready", 1.0),
    ] {
        assert_eq!(http::metric(&url, name).await, value, "{name}");
    }
    // However many peers there are, there are no more names.
    let after = http::scrape(&url).await;
    assert_eq!(before.len(), after.len());
    let text = http::get(&url).await;
    assert!(
        text.head
            .contains("content-type: text/plain; version=0.0.4"),
        "{}",
        text.head
    );
    for (name, _) in &after {
        let metric = name.split('{').next().unwrap();
        let of_times = ["_bucket", "_sum", "_count"];
        let metric = of_times
            .iter()
            .find_map(|it| metric.strip_suffix(it))
            .unwrap_or(metric);
        assert!(text.body.contains(&format!("# TYPE {metric} ")), "{name}");
        assert!(text.body.contains(&format!("# HELP {metric} ")), "{name}");
        assert!(
            DOCS.contains(&format!("`{metric}`")),
            "docs/proxy.md lacks {metric}"
        );
        if let Some((_, reason)) = name.split_once("reason=\"") {
            let reason = reason.split('"').next().unwrap();
            assert!(
                DOCS.contains(&format!("`{reason}`")),
                "docs/proxy.md lacks {reason}"
            );
        }
    }
}

#[tokio::test]
async fn health_and_readiness_are_told_apart() {
    let shown = Shown::start(&["--ready-consumers", "1"]).await;
    assert_eq!(shown.get("/healthz").await.status, 200);
    let ready = shown.get("/readyz").await;
    assert_eq!(
        (ready.status, &*ready.body),
        (503, "not ready: 0 of 1 consumers are connected\n")
    );
    let _consumer = shown.proxy.consumer().await;
    within("the consumer to be seen", async {
        while shown.get("/readyz").await.status != 200 {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(shown.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn the_status_has_peers_drops_and_rates() {
    let shown = Shown::start(&[]).await;
    let consumer = shown.proxy.consumer().await;
    let producer = shown.proxy.producer().await;
    for _ in 0..10 {
        producer.send("job").await.unwrap();
        recv(&consumer).await;
    }
    shown
        .until("the jobs", |it| it["messages"]["forwarded"] == 10)
        .await;
    shown
        .until("a rate", |it| {
            it["history"]["messages"]
                .as_array()
                .unwrap()
                .iter()
                .any(|it| it != 0.0)
        })
        .await;
    let status = shown.status().await;
    let peer = &status["frontend"]["peers"][0];
    assert_eq!(peer["identity"], format!("hex:{}", producer.identity()));
    assert_eq!(peer["received_messages"], 10);
    assert_eq!(peer["tls"], false);
    assert_eq!(peer["queued_messages"], 0);
    assert!(
        peer["address"].as_str().unwrap().starts_with("127.0.0.1:"),
        "{peer}"
    );
    assert!(peer["dialect"].is_string());
    assert_eq!(status["backend"]["peer_count"], 1);
    assert_eq!(status["state"], "running");
    assert_eq!(status["history"]["steps"], 600);
    let drops = status["drops"].as_array().unwrap();
    assert!(drops.iter().all(|it| it["count"] == 0), "{status}");
}

/// A producer's name is text, whatever it is.
#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let shown = Shown::start(&[]).await;
    let page = shown.get("/").await;
    assert_eq!(page.status, 200);
    assert!(
        page.head
            .contains("content-security-policy: default-src 'none'"),
        "{}",
        page.head
    );
    // The name of a language, which nobody looks up.
    let body = page.body.replace("http://www.w3.org/2000/svg", "");
    assert!(!body.contains("://"), "no other address is named in it");
    assert!(!page.body.contains("innerHTML"));
    assert!(
        page.body.contains("const token = \"\""),
        "nobody may pause it"
    );
}

#[tokio::test]
async fn only_the_page_itself_can_pause_and_only_if_it_may() {
    let closed = Shown::start(&[]).await;
    assert_eq!(
        closed
            .post("/api/pause", &[("x-aiomsg-token", "")])
            .await
            .status,
        403
    );

    let shown = Shown::start(&["--allow-control"]).await;
    let page = shown.get("/").await.body;
    let token = page
        .split("const token = \"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert!(token.len() >= 32, "{token}");
    let host = shown.at.strip_prefix("http://").unwrap();
    let evil = [("x-aiomsg-token", token), ("origin", "http://evil.example")];
    for headers in [
        &[][..],
        &[("x-aiomsg-token", "")],
        &[("x-aiomsg-token", "00000000000000000000000000000000")],
        &[("x-aiomsg-token", token), ("x-aiomsg-token", token)],
        &evil,
        &[("x-aiomsg-token", token), ("host", "evil.example")],
    ] {
        assert_eq!(
            shown.post("/api/pause", headers).await.status,
            403,
            "{headers:?}"
        );
    }
    assert_eq!(shown.get("/api/pause").await.status, 405);
    assert_eq!(shown.status().await["state"], "running");

    let origin = format!("http://{host}");
    let own = [("x-aiomsg-token", token), ("origin", &*origin)];
    assert_eq!(shown.post("/api/pause", &own).await.body, "paused\n");
    assert_eq!(shown.status().await["state"], "paused");
    assert_eq!(shown.post("/api/resume", &own).await.body, "running\n");
    assert_eq!(shown.status().await["state"], "running");
}

/// A page of somebody else's, under a name that points here, learns nothing.
#[tokio::test]
async fn other_names_for_this_machine_are_refused() {
    let shown = Shown::start(&["--allow-control"]).await;
    for path in ["/", "/api/status", "/readyz", "/healthz"] {
        let url = format!("{}{path}", shown.at);
        for host in ["evil.example", "evil.example:80", ""] {
            assert_eq!(
                http::ask("GET", &url, &[("host", host)]).await.status,
                403,
                "{host}"
            );
        }
        assert_eq!(
            http::ask("GET", &url, &[("host", "localhost:1")])
                .await
                .status,
            200
        );
    }
}

/// A container listens on all of its addresses, and its port is published at loopback: any
/// name that points there could read the dashboard.
#[tokio::test]
async fn beyond_loopback_the_dashboard_accepts_the_allowed_names() {
    let options = ["--dashboard", "0.0.0.0:0", "--allow-host", "localhost"];
    let proxy = Proxy::start(&options).await;
    let page = proxy.program.after("dashboard: ").await;
    let at = page.trim_end_matches('/').replace("0.0.0.0", "127.0.0.1");
    for (host, path, status) in [
        ("localhost:9000", "/", 200),
        ("10.0.0.1:9000", "/api/status", 200),
        ("evil.example", "/", 403),
        ("evil.example:9000", "/api/status", 403),
        // Probes and scrapes may use names.
        ("proxy.svc", "/readyz", 200),
        ("proxy.svc", "/healthz", 200),
    ] {
        let answer = http::ask("GET", &format!("{at}{path}"), &[("host", host)]).await;
        assert_eq!(answer.status, status, "{host} {path}");
    }
}

/// The page could not be used behind a reverse proxy.
#[tokio::test]
async fn a_name_that_is_allowed_is_served_and_may_control() {
    let shown = Shown::start(&["--allow-control", "--allow-host", "proxy.example"]).await;
    let page = http::ask(
        "GET",
        &format!("{}/", shown.at),
        &[("host", "proxy.example")],
    )
    .await;
    assert_eq!(page.status, 200);
    assert!(
        !page.body.contains("fetch(\"/"),
        "its addresses are relative"
    );
    let (_, rest) = page.body.split_once("const token = \"").unwrap();
    let token = rest.split('"').next().unwrap();
    let url = format!("{}/api/pause", shown.at);
    let ask = |origin| {
        let headers = [
            ("host", "proxy.example"),
            ("origin", origin),
            ("x-aiomsg-token", token),
        ];
        let url = url.clone();
        async move { http::ask("POST", &url, &headers).await }
    };
    assert_eq!(ask("https://evil.example").await.status, 403);
    assert_eq!(ask("https://proxy.example").await.body, "paused\n");
}

#[tokio::test]
async fn odd_requests_are_refused() {
    let shown = Shown::start(&[]).await;
    assert_eq!(shown.get("/no/such").await.status, 404);
    assert_eq!(shown.post("/metrics", &[]).await.status, 405);
    let host = shown.at.strip_prefix("http://").unwrap();
    assert_eq!(
        http::raw(host, b"\x02\0\0\0nonsense\r\n\r\n").await.status,
        400
    );
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(100_000));
    let status = http::raw(host, long.as_bytes()).await.status;
    assert!([0, 414, 431].contains(&status), "{status}");
    assert_eq!(shown.get("/healthz").await.status, 200);
}

/// A metrics address alone shows no page, and a dashboard alone no metrics.
#[tokio::test]
async fn each_address_shows_what_it_is_for() {
    let proxy = Proxy::start(&[]).await;
    assert_eq!(
        http::get(&proxy.metrics.replace("metrics", ""))
            .await
            .status,
        404
    );
    let sides = ["--frontend", "127.0.0.1:0", "--backend", "127.0.0.1:0"];
    let program = Program::start([&["proxy", "--dashboard", "0"], &sides[..]].concat());
    let page = program.after("dashboard: ").await;
    program.after("frontend: listening at ").await;
    assert_eq!(http::get(&format!("{page}metrics")).await.status, 404);
    assert_eq!(http::get(&format!("{page}readyz")).await.status, 200);
}

#[tokio::test]
async fn an_address_beyond_this_machine_is_honoured_with_a_warning() {
    let proxy = Proxy::start(&["--dashboard", "0.0.0.0:0"]).await;
    proxy.program.after("dashboard: http://0.0.0.0:").await;
    proxy.program.logs("beyond this machine").await;
}

/// An endpoint to which nothing was ever connected counted as up, and the proxy as ready.
#[tokio::test]
async fn an_endpoint_that_is_not_connected_is_not_up() {
    let consumer = aiomsg::Socket::new().unwrap();
    let there = consumer.bind("127.0.0.1:0").await.unwrap();
    consumer.unbind(there.clone()).await.unwrap();
    let shown = Shown::start(&["--backend-connect", &there.to_string()]).await;
    let up = "aiomsg_endpoints{side=\"backend\",state=\"up\"}";
    let before = http::metric(&shown.proxy.metrics, up).await;
    let ready = shown.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains(&there.to_string()), "{}", ready.body);

    consumer.bind(there).await.unwrap();
    http::until(&shown.proxy.metrics, up, before + 1.0).await;
    assert_eq!(shown.get("/readyz").await.status, 200);
    drop(consumer);
    http::until(&shown.proxy.metrics, up, before).await;
    assert_eq!(shown.get("/readyz").await.status, 503);
}

/// It counted as down, and the proxy as not ready, although the consumer was connected.
#[tokio::test]
async fn a_consumer_that_is_dialled_at_two_addresses_is_connected_and_the_second_is_a_duplicate() {
    let consumer = aiomsg::Socket::new().unwrap();
    let mut at = Vec::new();
    for _ in 0..2 {
        at.push(consumer.bind("127.0.0.1:0").await.unwrap().to_string());
    }
    second_is_a_duplicate(&at).await;
}

/// The protocol does not tell them from one consumer at two addresses. The second counted as up
/// once, although nothing was ever sent to it: now its place says why.
#[tokio::test]
async fn the_second_of_two_dialled_consumers_with_one_identity_is_a_duplicate() {
    let identity = aiomsg::Identity::random();
    let consumers = [(); 2].map(|()| {
        let builder = aiomsg::Socket::builder().identity(identity.clone());
        builder.build().unwrap()
    });
    let mut at = Vec::new();
    for consumer in &consumers {
        at.push(consumer.bind("127.0.0.1:0").await.unwrap().to_string());
    }
    let shown = second_is_a_duplicate(&at).await;
    let reasons = shown.status().await["reasons"].to_string();
    assert!(reasons.contains("identity is in use"), "{reasons}");

    // Both end.
    drop(consumers);
    shown
        .until("both to be down", |it| states(it) == ["up", "down", "down"])
        .await;
    let ready = shown.get("/readyz").await;
    assert_eq!(ready.status, 503, "{}", ready.body);
}

/// The states of the endpoints of the backend: where it listens, and those that it dials.
fn states(status: &serde_json::Value) -> Vec<String> {
    let endpoints = status["backend"]["endpoints"].as_array().unwrap();
    let state = |it: &serde_json::Value| it["state"].as_str().unwrap().to_owned();
    endpoints.iter().map(state).collect()
}

/// A proxy that dials both: one is connected, and the other one a duplicate of it.
async fn second_is_a_duplicate(at: &[String]) -> Shown {
    let both = ["--backend-connect", &at[0], "--backend-connect", &at[1]];
    let shown = Shown::start(&both).await;
    shown
        .until("one to be a duplicate", |it| {
            let mut states = states(it);
            states.sort_unstable();
            states == ["duplicate", "up", "up"]
        })
        .await;
    let status = shown.status().await;
    let endpoints = status["backend"]["endpoints"].as_array().unwrap();
    let of = |state: &str| {
        let dialled = endpoints.iter().filter(|it| it["listens"] == false);
        let mut dialled = dialled.filter(|it| it["state"] == state);
        dialled.next().unwrap()
    };
    assert_eq!(of("duplicate")["duplicate_of"], of("up")["endpoint"]);
    assert!(of("duplicate")["error"].is_null(), "{status}");
    for (state, count) in [("up", 2.0), ("duplicate", 1.0), ("down", 0.0)] {
        let metric = format!("aiomsg_endpoints{{side=\"backend\",state=\"{state}\"}}");
        assert_eq!(http::metric(&shown.proxy.metrics, &metric).await, count);
    }
    let ready = shown.get("/readyz").await;
    assert_eq!(ready.status, 200, "{}", ready.body);
    shown
}

#[tokio::test]
async fn connections_come_in_pages_and_those_that_have_ended_with_their_reasons() {
    let shown = Shown::start(&[]).await;
    let peers = ["carol", "alice", "bob"].map(|name| {
        let builder = aiomsg::Socket::builder().identity(aiomsg::Identity::new(name).unwrap());
        let socket = builder
            .dialects(aiomsg::builder::Dialects::Only(
                aiomsg::builder::Dialect::V2019,
            ))
            .build();
        let socket = socket.unwrap();
        socket.connect(&*shown.proxy.frontend).unwrap();
        socket
    });
    shown
        .until("the peers", |it| it["frontend"]["peer_count"] == 3)
        .await;
    let page = async |query: &str| -> serde_json::Value {
        let answer = shown.get(&format!("/api/peers?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    };
    let names = |page: &serde_json::Value| -> Vec<String> {
        let peers = page["peers"].as_array().unwrap().iter();
        peers
            .map(|it| it["identity"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = page("sort=identity&limit=2").await;
    assert_eq!(
        (&first["total"], names(&first)),
        (&3.into(), vec!["alice".into(), "bob".into()])
    );
    let second = page("sort=identity&limit=2&offset=2").await;
    assert_eq!(names(&second), ["carol"]);
    assert_eq!(second["peers"][0]["side"], "frontend");
    assert_eq!(
        names(&page("sort=identity&order=desc&limit=1").await),
        ["carol"]
    );
    assert_eq!(names(&page("contains=LIC").await), ["alice"]);
    assert_eq!(page("side=backend").await["total"], 0);
    assert_eq!(page("state=closed").await["total"], 0);
    let wrong = shown.get("/api/peers?sort=size").await;
    assert_eq!(wrong.status, 400);
    assert!(
        wrong.body.starts_with("sort=size: expected queue,"),
        "{}",
        wrong.body
    );
    let status = shown.get("/api/status?contains=bob").await;
    let status: serde_json::Value = serde_json::from_str(&status.body).unwrap();
    assert_eq!(names(&status["frontend"]), ["bob"]);
    assert_eq!(status["frontend"]["peer_count"], 3);

    let [carol, ..] = peers;
    carol.close(Duration::from_secs(5)).await;
    within("the end to be seen", async {
        while page("state=closed").await["total"] != 1 {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let closed = page("state=closed&side=frontend").await;
    assert_eq!(names(&closed), ["carol"]);
    assert!(
        !closed["peers"][0]["reason"].as_str().unwrap().is_empty(),
        "{closed}"
    );
}
